// What bench/kafka.py measures against: librdkafka alone.
//
//   kafka_driver produce BROKERS TOPIC PARTITIONS COUNT     records of JSON, about 300 bytes each
//   kafka_driver consume BROKERS TOPIC PARTITIONS COUNT     reads them and does nothing with them
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

void Set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK) return;
  std::fprintf(stderr, "%s\n", why);
  std::exit(1);
}

rd_kafka_t* Open(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char why[512];
  rd_kafka_t* handle = rd_kafka_new(type, conf, why, sizeof why);
  if (handle) return handle;
  std::fprintf(stderr, "%s\n", why);
  std::exit(1);
}

// About what a user of an API looks like, flat.
std::string Record(int64_t n) {
  uint64_t mixed = static_cast<uint64_t>(n) * 0x9E3779B97F4A7C15ull;
  return fmt::format(
      R"({{"id":{},"user_id":{},"first_name":"first{:05}","last_name":"last{:05}","email":"user{}@example.com",)"
      R"("amount":{}.{:02},"country":"C{:02}","active":{},"created_at":"2026-11-{:02}T{:02}:{:02}:{:02}.{:06}Z",)"
      R"("city":"city number {:04}","post_code":"{:05}","note":"{:016x}{:016x}"}})",
      n, mixed % 1000000, mixed % 99991, mixed % 88883, n % 500000, mixed % 10000, mixed % 100, n % 60,
      n % 3 ? "true" : "false", n % 28 + 1, n / 3600 % 24, n / 60 % 60, n % 60, mixed % 1000000,
      mixed % 9999, mixed % 99999, mixed, mixed ^ 0xFFFF);
}

void Produce(const std::string& brokers, const std::string& topic, int partitions, int64_t count) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", brokers);
  Set(conf, "linger.ms", "50");
  Set(conf, "batch.size", "1000000");
  Set(conf, "queue.buffering.max.messages", "500000");
  rd_kafka_t* producer = Open(RD_KAFKA_PRODUCER, conf);
  rd_kafka_topic_t* handle = rd_kafka_topic_new(producer, topic.c_str(), nullptr);
  for (int64_t n = 0; n < count; ++n) {
    std::string value = Record(n);
    while (rd_kafka_produce(handle, static_cast<int32_t>(n % partitions), RD_KAFKA_MSG_F_COPY, value.data(), value.size(),
                            nullptr, 0, nullptr) != 0)
      rd_kafka_poll(producer, 10);
    if (n % 1000 == 0) rd_kafka_poll(producer, 0);
  }
  rd_kafka_flush(producer, 600000);
  rd_kafka_topic_destroy(handle);
  rd_kafka_destroy(producer);
}

void Consume(const std::string& brokers, const std::string& topic, int partitions, int64_t count) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", brokers);
  Set(conf, "group.id", "bench.floor");
  Set(conf, "enable.auto.commit", "false");
  Set(conf, "auto.offset.reset", "earliest");
  rd_kafka_t* consumer = Open(RD_KAFKA_CONSUMER, conf);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p)
    rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(consumer, list);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> batch(10000);
  int64_t seen = 0, bytes = 0;
  while (seen < count) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, 100, batch.data(), batch.size());
    for (ssize_t i = 0; i < got; ++i) {
      if (!batch[i]->err) ++seen, bytes += static_cast<int64_t>(batch[i]->len);
      rd_kafka_message_destroy(batch[i]);
    }
  }
  std::printf("%lld records, %lld bytes\n", static_cast<long long>(seen), static_cast<long long>(bytes));
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

}  // namespace

int main(int count, char** words) {
  if (count != 6) return std::fprintf(stderr, "usage: see the top of bench/kafka_driver.cc\n"), 2;
  bool produce = std::string(words[1]) == "produce";
  (produce ? Produce : Consume)(words[2], words[3], std::atoi(words[4]), std::atoll(words[5]));
  return 0;
}
