#include "connect/kafka/shard.h"

#include <charconv>

#include "connect/kafka/position.h"

namespace millrace::kafka {

namespace {

constexpr int kMost = 10'000;
constexpr std::string_view kMark = " shard ";

bool ReadNumber(std::string_view text, int& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

}  // namespace

Result<Shard> Shard::Parse(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  std::string_view all = text;
  size_t slash = all.find('/');
  bool ok = slash != all.npos && ReadNumber(all.substr(0, slash), shard.index) &&
            ReadNumber(all.substr(slash + 1), shard.count);
  if (ok && shard.count <= kMost && shard.index < shard.count) return shard;
  return Invalid("'shard' is '" + text + "'",
                 "write I/N, from 0/N to one less than N, a task each: "
                 "`matrix: {shard: [\"0/2\", \"1/2\"]}` and `shard: \"${matrix.shard}\"`");
}

KafkaOffsets Shard::Of(const KafkaOffsets& offsets) const {
  KafkaOffsets own;
  for (const auto& [topic, partitions] : offsets) {
    for (const auto& [partition, offset] : partitions) {
      if (Has(partition)) own[topic][partition] = offset;
    }
  }
  return own;
}

std::string WithoutShard(const std::string& task, const std::string& shard) {
  if (shard.empty() || !task.ends_with(']')) return task;
  const std::string value = "=" + shard;
  for (size_t at = task.find(value); at != task.npos; at = task.find(value, at + 1)) {
    size_t end = at + value.size();
    size_t begin = task.find_last_of("[,", at);
    if (begin == task.npos || (task[end] != ',' && task[end] != ']')) continue;
    bool first = task[begin] == '[', last = task[end] == ']';
    std::string rest = task.substr(end + (last ? 1 : 0));
    if (first && last) return task.substr(0, begin) + rest;
    if (first) return task.substr(0, begin + 1) + rest.substr(1);
    return task.substr(0, begin) + (last ? "]" : "") + rest;
  }
  return task;
}

std::string ReaderNote(const std::string& task, const std::string& shard) {
  return shard.empty() ? task : task + std::string(kMark) + shard;
}

Status Readers::Refuse(const KafkaOffsets& unknown, const Start& start, const std::string& task,
                       const std::string& shard) const {
  const std::string own = ReaderNote(task, shard);
  std::string refused, from;
  for (const auto& [topic, partitions] : told) {
    std::string offsets;
    for (const auto& [partition, at] : partitions) {
      offsets += (offsets.empty() ? "" : ", ") + std::to_string(partition) + ": " +
                 std::to_string(at.offset);
      bool given = OffsetIn(start.offsets, topic, partition) ||
                   OffsetIn(start.offsets, "", partition);
      bool other = at.metadata != own &&
                   (!shard.empty() || at.metadata.find(kMark) != at.metadata.npos);
      if (!refused.empty() || given || !other || !OffsetIn(unknown, topic, partition)) continue;
      refused = topic + "/" + std::to_string(partition) + " was read up to offset " +
                std::to_string(at.offset) + " by " +
                (at.metadata.empty() ? "another task" : at.metadata);
    }
    from += (from.empty() ? "" : ", ") + topic + ": {" + offsets + "}";
  }
  if (refused.empty()) return Status::Ok();
  return Invalid(refused + ", as group '" + group + "' knows, and this task has no position there",
                 "`from: {" + from + "}` goes on where they stood: exactly, if they were drained "
                 "(a kill may leave their last batch untold); another `group` reads all again");
}

}  // namespace millrace::kafka
