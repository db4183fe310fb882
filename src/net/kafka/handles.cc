#include "net/kafka/handles.h"

#include <librdkafka/rdkafka.h>

namespace millrace::kafka {

void Destroy::operator()(rd_kafka_topic_s* topic) const { rd_kafka_topic_destroy(topic); }
void Destroy::operator()(rd_kafka_queue_s* queue) const { rd_kafka_queue_destroy(queue); }
void Destroy::operator()(rd_kafka_error_s* error) const { rd_kafka_error_destroy(error); }
void Destroy::operator()(const struct rd_kafka_metadata* metadata) const {
  rd_kafka_metadata_destroy(metadata);
}
void Destroy::operator()(rd_kafka_topic_partition_list_s* list) const {
  rd_kafka_topic_partition_list_destroy(list);
}

Partitions ListOf(const KafkaOffsets& offsets) {
  Partitions list(rd_kafka_topic_partition_list_new(8));
  for (const auto& [topic, partitions] : offsets) {
    for (const auto& [partition, offset] : partitions)
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

}  // namespace millrace::kafka
