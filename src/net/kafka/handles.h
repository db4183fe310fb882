// Owners of librdkafka's objects. Private to net/kafka, and for .cc files only.
#pragma once

#include <memory>

#include "net/kafka/client.h"

struct rd_kafka_topic_s;
struct rd_kafka_queue_s;
struct rd_kafka_error_s;
struct rd_kafka_metadata;
struct rd_kafka_topic_partition_list_s;

namespace millrace::kafka {

struct Destroy {
  void operator()(rd_kafka_topic_s* topic) const;
  void operator()(rd_kafka_queue_s* queue) const;
  void operator()(rd_kafka_error_s* error) const;
  void operator()(const struct rd_kafka_metadata* metadata) const;
  void operator()(rd_kafka_topic_partition_list_s* list) const;
};
using TopicHandle = std::unique_ptr<rd_kafka_topic_s, Destroy>;
using Queue = std::unique_ptr<rd_kafka_queue_s, Destroy>;
using Error = std::unique_ptr<rd_kafka_error_s, Destroy>;
using Metadata = std::unique_ptr<const struct rd_kafka_metadata, Destroy>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_s, Destroy>;

Partitions ListOf(const KafkaOffsets& offsets);

}  // namespace millrace::kafka
