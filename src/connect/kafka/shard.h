// `shard:` of a kafka source: several tasks read a topic side by side, each some of its partitions.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "connect/kafka/start.h"
#include "net/kafka/client.h"

namespace millrace::kafka {

struct Shard {
  int index = 0, count = 1;

  // "0/4"; "": all partitions.
  static Result<Shard> Parse(const std::string& text);
  bool Has(int partition) const { return partition % count == index; }
  KafkaOffsets Of(const KafkaOffsets& offsets) const;
};

// The task as tools see it: the shards of one tell one group. "p/t[shard=0/4,region=eu]" and "0/4"
// give "p/t[region=eu]".
std::string WithoutShard(const std::string& task, const std::string& shard);

// Stands beside the offsets that a group is told, and tells who read so far.
std::string ReaderNote(const std::string& task, const std::string& shard);

// Who read partitions, as their group knows.
struct Readers {
  std::string group;
  KafkaGroupOffsets told;

  // kInvalid: partitions of `unknown` were read by a task that divides them in another way, and
  // would be read twice; `start` does not tell where to go on. An unsharded task minds only sharded
  // ones, for any may use one group.
  Status Refuse(const KafkaOffsets& unknown, const Start& start, const std::string& task,
                const std::string& shard) const;
};

}  // namespace millrace::kafka
