#include "connect/kafka/start.h"

#include <charconv>
#include <chrono>

#include "base/time.h"
#include "connect/kafka/position.h"

namespace millrace::kafka {

namespace {

constexpr const char* kHint =
    "write earliest, latest, a time such as 2026-11-21T06:00:00Z, or offsets: {0: 1700, 1: 42}";

template <class T>
bool ReadNumber(const std::string& text, T& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

Status ReadPartitions(const YamlNode& node, std::map<int, int64_t>& offsets) {
  for (const auto& [key, value] : node.entries) {
    int partition = 0;
    int64_t offset = 0;
    if (!ReadNumber(key.scalar, partition) || !value.IsScalar() ||
        !ReadNumber(value.scalar, offset))
      return Invalid("'from': " + key.Show() + ": " + value.Show() +
                     " is not a partition and its offset", kHint);
    offsets[partition] = offset;
  }
  return Status::Ok();
}

}  // namespace

Result<Start> ParseStart(const YamlNode& node) {
  Start start;
  if (node.IsNull()) return start;
  if (node.IsMap()) {
    for (const auto& [key, value] : node.entries) {
      if (!value.IsMap()) {
        TRY(ReadPartitions(node, start.offsets[""]));
        break;
      }
      TRY(ReadPartitions(value, start.offsets[key.scalar]));
    }
    return start;
  }
  if (!node.IsScalar()) return Invalid("'from' is " + node.Show(), kHint);
  if (node.scalar == "earliest") return start;
  if (node.scalar == "latest") return Start{.at = kKafkaEnd};
  Result<Time> time = ParseTime(node.scalar);
  if (!time.ok()) return Invalid("'from' is " + node.Show(), kHint);
  auto since = std::chrono::ceil<std::chrono::milliseconds>(time->time_since_epoch());
  if (since.count() < 0) return Invalid("'from' is before 1970", kHint);
  return Start{.at = since.count()};
}

Result<KafkaOffsets> Resolve(const Start& start, const KafkaOffsets& wanted, KafkaClient& client,
                             std::stop_token stop) {
  KafkaOffsets resolved, unknown;
  for (const auto& [topic, partitions] : wanted) {
    for (const auto& [partition, ignored] : partitions) {
      std::optional<int64_t> given = OffsetIn(start.offsets, topic, partition);
      if (!given) given = OffsetIn(start.offsets, "", partition);
      if (given)
        resolved[topic][partition] = *given;
      else
        unknown[topic][partition] = start.at;
    }
  }
  if (unknown.empty()) return resolved;
  for (const auto& [topic, partitions] : TRY(client.OffsetsAt(unknown, stop)))
    resolved[topic].insert(partitions.begin(), partitions.end());
  return resolved;
}

}  // namespace millrace::kafka
