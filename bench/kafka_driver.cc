// What bench/streams.py measures against: librdkafka alone.
//
//   kafka_driver json BROKERS TOPIC PARTITIONS COUNT        writes records of JSON, about 300 bytes each
//   kafka_driver avro BROKERS TOPIC PARTITIONS COUNT        of Avro, as long; bench/streams.py has their schema
//   kafka_driver pace BROKERS TOPIC PARTITIONS COUNT RATE   of JSON, RATE a second; prints when each 997th was sent
//   kafka_driver consume BROKERS TOPIC PARTITIONS COUNT     reads them and does nothing with them
//   kafka_driver watch BROKERS TOPIC PARTITIONS COUNT       the same; prints when each 997th came
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
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

uint64_t Mixed(int64_t n) { return static_cast<uint64_t>(n) * 0x9E3779B97F4A7C15ull; }

// About what a user of an API looks like, flat.
std::string Json(int64_t n) {
  uint64_t mixed = Mixed(n);
  return fmt::format(
      R"({{"id":{},"user_id":{},"first_name":"first{:05}","last_name":"last{:05}","email":"user{}@example.com",)"
      R"("amount":{}.{:02},"country":"C{:02}","active":{},"created_at":"2026-11-{:02}T{:02}:{:02}:{:02}.{:06}Z",)"
      R"("city":"city number {:04}","post_code":"{:05}","note":"{:016x}{:016x}"}})",
      n, mixed % 1000000, mixed % 99991, mixed % 88883, n % 500000, mixed % 10000, mixed % 100, n % 60,
      n % 3 ? "true" : "false", n % 28 + 1, n / 3600 % 24, n / 60 % 60, n % 60, mixed % 1000000,
      mixed % 9999, mixed % 99999, mixed, mixed ^ 0xFFFF);
}

// https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
void PutLong(std::string& to, int64_t value) {
  uint64_t bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; bits >= 0x80; bits >>= 7) to += static_cast<char>(bits | 0x80);
  to += static_cast<char>(bits);
}

void PutText(std::string& to, std::string_view text) {
  PutLong(to, static_cast<int64_t>(text.size()));
  to += text;
}

// The same user with what makes up for the names of the members: a street, a phone, pictures.
std::string Avro(int64_t n) {
  uint64_t mixed = Mixed(n);
  std::string to;
  PutLong(to, n);
  PutLong(to, static_cast<int64_t>(mixed % 1000000));
  PutText(to, fmt::format("first{:05}", mixed % 99991));
  PutText(to, fmt::format("last{:05}", mixed % 88883));
  PutText(to, fmt::format("user{}@example.com", n % 500000));
  double amount = static_cast<double>(mixed % 1000000) / 100;
  to.append(reinterpret_cast<const char*>(&amount), sizeof amount);
  PutText(to, fmt::format("C{:02}", n % 60));
  to += n % 3 ? '\1' : '\0';
  PutLong(to, 1793491200000000 + n * 1000003);
  PutText(to, fmt::format("city number {:04}", mixed % 9999));
  PutText(to, fmt::format("{:05}", mixed % 99999));
  PutText(to, fmt::format("{:016x}{:016x}", mixed, mixed ^ 0xFFFF));
  PutText(to, fmt::format("{} Analytical Street", mixed % 9999));
  PutText(to, fmt::format("+31-{:09}", mixed % 999999937));
  for (const char* size : {"large", "med"})
    PutText(to, fmt::format("https://example.com/api/portraits/{}/{:02}.jpg?v={:08x}", size, n % 100, mixed >> 32));
  return to;
}

class Producer {
 public:
  Producer(const std::string& brokers, const std::string& topic, int partitions, const char* linger)
      : partitions_(partitions) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    Set(conf, "bootstrap.servers", brokers);
    Set(conf, "linger.ms", linger);
    Set(conf, "batch.size", "1000000");
    Set(conf, "queue.buffering.max.messages", "500000");
    handle_ = Open(RD_KAFKA_PRODUCER, conf);
    topic_ = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  }
  ~Producer() {
    rd_kafka_flush(handle_, 600000);
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(handle_);
  }

  void Put(int64_t n, const std::string& value) {
    while (rd_kafka_produce(topic_, static_cast<int32_t>(n % partitions_), RD_KAFKA_MSG_F_COPY,
                            const_cast<char*>(value.data()), value.size(), nullptr, 0, nullptr) != 0)
      rd_kafka_poll(handle_, 10);
    if (n % 1000 == 0) rd_kafka_poll(handle_, 0);
  }

 private:
  const int partitions_;
  rd_kafka_t* handle_;
  rd_kafka_topic_t* topic_;
};

// A line for each 997th record, for latencies: its number and the time.
void Note(int64_t n) {
  using std::chrono::system_clock, std::chrono::microseconds;
  if (n % 997 != 0) return;
  auto now = std::chrono::duration_cast<microseconds>(system_clock::now().time_since_epoch());
  std::printf("%lld %lld\n", static_cast<long long>(n), static_cast<long long>(now.count()));
  std::fflush(stdout);  // who looks for it at the target begins at once
}

void Pace(Producer& producer, int64_t count, int64_t rate) {
  using std::chrono::steady_clock, std::chrono::microseconds;
  auto began = steady_clock::now();
  for (int64_t n = 0; n < count; ++n) {
    if (n % 10 == 0) std::this_thread::sleep_until(began + microseconds(n * 1000000 / rate));
    producer.Put(n, Json(n));
    Note(n);
  }
}

// A record begins {"id":N,
int64_t NumberOf(const rd_kafka_message_t& record) {
  std::string_view text(static_cast<const char*>(record.payload), record.len);
  return std::atoll(std::string(text.substr(std::min<size_t>(6, text.size()), 20)).c_str());
}

void Consume(const std::string& brokers, const std::string& topic, int partitions, int64_t count,
             bool watch) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", brokers);
  Set(conf, "group.id", "bench.floor");
  Set(conf, "fetch.wait.max.ms", watch ? "5" : "500");
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
    // It waits for a whole batch as long as it may: nothing that a watcher's clock should see.
    ssize_t got = rd_kafka_consume_batch_queue(queue, watch ? 1 : 100, batch.data(), batch.size());
    for (ssize_t i = 0; i < got; ++i) {
      if (!batch[i]->err) ++seen, bytes += static_cast<int64_t>(batch[i]->len);
      if (!batch[i]->err && watch) Note(NumberOf(*batch[i]));
      rd_kafka_message_destroy(batch[i]);
    }
  }
  if (!watch)
    std::printf("%lld records, %lld bytes\n", static_cast<long long>(seen), static_cast<long long>(bytes));
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

}  // namespace

int main(int count, char** words) {
  std::string what = count > 1 ? words[1] : "";
  if (count != (what == "pace" ? 7 : 6))
    return std::fprintf(stderr, "usage: see the top of bench/kafka_driver.cc\n"), 2;
  int partitions = std::atoi(words[4]);
  int64_t records = std::atoll(words[5]);
  if (what == "consume" || what == "watch")
    return Consume(words[2], words[3], partitions, records, what == "watch"), 0;
  Producer producer(words[2], words[3], partitions, what == "pace" ? "5" : "50");
  if (what == "pace") return Pace(producer, records, std::atoll(words[6])), 0;
  for (int64_t n = 0; n < records; ++n) producer.Put(n, what == "avro" ? Avro(n) : Json(n));
  return 0;
}
