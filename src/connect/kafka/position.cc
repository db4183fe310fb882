#include "connect/kafka/position.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

#include "config/json.h"

namespace millrace::kafka {

namespace {

constexpr const char* kFrom = "from:";

Json ToJson(const KafkaOffsets& offsets) {
  Json json = Json::object();
  for (const auto& [topic, partitions] : offsets) {
    for (const auto& [partition, offset] : partitions)
      json[topic][std::to_string(partition)] = offset;
  }
  return json;
}

bool Read(const Json& partitions, std::map<int, int64_t>& offsets) {
  if (!partitions.is_object()) return false;
  for (const auto& [key, offset] : partitions.items()) {
    int number = 0;
    auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    bool is_number = error == std::errc() && end == key.data() + key.size();
    if (!is_number || !offset.is_number_integer()) return false;
    offsets[number] = offset.get<int64_t>();
  }
  return true;
}

}  // namespace

Result<KafkaPosition> KafkaPosition::Parse(const Position& position) {
  Json json = Json::parse(position.token, nullptr, /*allow_exceptions=*/false);
  KafkaPosition parsed;
  bool ok = json.is_object();
  for (auto each = json.begin(); ok && each != json.end(); ++each) {
    if (each.key() != kFrom) {
      ok = Read(each.value(), parsed.ends[each.key()]);
      continue;
    }
    ok = each.value().is_object();
    for (auto topic = each.value().begin(); ok && topic != each.value().end(); ++topic)
      ok = Read(topic.value(), parsed.from[topic.key()]);
  }
  if (ok) return parsed;
  return Invalid("'" + position.token.substr(0, 200) + "' is not a position in topics");
}

Position KafkaPosition::ToPosition() const {
  Json json = ToJson(ends);
  if (!from.empty()) json[kFrom] = ToJson(from);
  return {json.dump()};
}

std::optional<int64_t> OffsetIn(const KafkaOffsets& offsets, const std::string& topic,
                                int partition) {
  auto partitions = offsets.find(topic);
  if (partitions == offsets.end()) return std::nullopt;
  auto found = partitions->second.find(partition);
  if (found == partitions->second.end()) return std::nullopt;
  return found->second;
}

KafkaOffsets Limited(const KafkaOffsets& begins, const KafkaOffsets& ends, int64_t rows) {
  std::vector<std::tuple<int64_t, std::string, int>> waiting;  // how many rows, and where
  for (const auto& [topic, partitions] : ends) {
    for (const auto& [partition, end] : partitions)
      waiting.emplace_back(end - OffsetIn(begins, topic, partition).value_or(end), topic,
                           partition);
  }
  std::sort(waiting.begin(), waiting.end());
  KafkaOffsets limited = ends;
  int64_t left = std::max<int64_t>(rows, 1);
  for (size_t i = 0; i < waiting.size(); ++i) {
    const auto& [count, topic, partition] = waiting[i];
    auto sharers = static_cast<int64_t>(waiting.size() - i);
    int64_t share = std::min(count, (left + sharers - 1) / sharers);
    limited[topic][partition] = ends.at(topic).at(partition) - count + share;
    left -= share;
  }
  return limited;
}

}  // namespace millrace::kafka
