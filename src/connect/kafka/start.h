// `from:` of a kafka source: where reading begins that has no position yet.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "config/yaml.h"
#include "net/kafka/client.h"

namespace millrace::kafka {

struct Start {
  int64_t at = kKafkaBegin;  // as OffsetsAt takes it
  // Given offsets, of partitions; the others begin at `at`. Topic "": of each.
  KafkaOffsets offsets;
};

// earliest, latest, a time, {0: 17, 1: 4} or {topic: {0: 17}}.
Result<Start> ParseStart(const YamlNode& node);
// The offset for each partition of `wanted`, whose offsets do not matter.
Result<KafkaOffsets> Resolve(const Start& start, const KafkaOffsets& wanted, KafkaClient& client,
                             std::stop_token stop);

}  // namespace millrace::kafka
