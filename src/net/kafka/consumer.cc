#include "net/kafka/consumer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "net/kafka/core.h"
#include "net/kafka/handles.h"

namespace millrace {

namespace {

constexpr int kGroupWaitMillis = 2000;  // for its answer, at the end
constexpr int64_t kLeastAhead = 1 << 20;
constexpr int64_t kLeastFetch = 1 << 20, kMostFetch = 4 << 20;

struct DestroyMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, DestroyMessage>;

std::string NameOf(const std::string& topic, int partition) {
  return topic + "/" + std::to_string(partition);
}

}  // namespace

void ForEachHeader(const KafkaRecord& record, const TakeHeader& take) {
  rd_kafka_headers_t* headers = nullptr;
  if (record.message == nullptr) return;
  if (rd_kafka_message_headers(record.message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                     RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    std::optional<std::string_view> bytes;
    if (value != nullptr) bytes.emplace(static_cast<const char*>(value), size);
    take(name, bytes);
  }
}

struct KafkaConsumer::Partition {
  std::string name;
  kafka::Queue queue;        // of its own: one that is read to its end does not crowd the others
  int64_t next = 0;          // the offset that is wanted next
  std::optional<int64_t> end_seen;  // there was nothing from here on, when it was looked at
  std::deque<Message> held;  // fetched and not given out: beyond the end that was asked for
};

struct KafkaConsumer::State {
  std::map<std::pair<std::string, int>, Partition> partitions;
  std::vector<Message> given;  // what the caller's views point to
  std::vector<rd_kafka_message_t*> batch;
  kafka::Queue group_answers;
  KafkaOffsets told;    // to the group
  std::string note;
  int unanswered = 0;
};

// librdkafka frees it with its own allocator.
void SetNote(rd_kafka_t* handle, rd_kafka_topic_partition_t& partition, const std::string& note) {
  void* metadata = rd_kafka_mem_malloc(handle, note.size() + 1);
  note.copy(static_cast<char*>(metadata), note.size());
  partition.metadata = metadata;
  partition.metadata_size = note.size();
}

KafkaConsumer::KafkaConsumer(std::unique_ptr<kafka::Core> core)
    : KafkaClient(std::move(core)), state_(std::make_unique<State>()) {}

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::Open(const KafkaOptions& options,
                                                           const KafkaReading& reading, Log log) {
  auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(reading.fetch_wait);
  std::string kilobytes = std::to_string(std::max(reading.memory_each, kLeastAhead) >> 10);
  int64_t fetch = std::clamp(reading.memory_each / 4, kLeastFetch, kMostFetch);
  kafka::Properties properties = {
      // Without one, nothing can be assigned.
      {"group.id", reading.group.empty() ? "millrace" : reading.group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"allow.auto.create.topics", "false"},
      {"auto.offset.reset", "error"},
      {"enable.partition.eof", "true"},
      {"isolation.level", reading.committed_only ? "read_committed" : "read_uncommitted"},
      {"fetch.wait.max.ms", std::to_string(wait.count())},
      // Partitions have queues of their own: the limit counts for each.
      {"queued.max.messages.kbytes", kilobytes},
      {"queued.min.messages", "100000"},
      // Of one answer, for each partition: larger ones cost the broker less.
      {"fetch.message.max.bytes", std::to_string(fetch)},
      // Where they are full, how long until it is looked whether they still are.
      {"fetch.queue.backoff.ms", "5"},
  };
  auto core = TRY(
      kafka::Core::Open(kafka::Kind::kConsumer, options, properties, std::move(log)));
  std::unique_ptr<KafkaConsumer> consumer(new KafkaConsumer(std::move(core)));
  consumer->state_->note = reading.note;
  consumer->state_->group_answers.reset(rd_kafka_queue_new(consumer->core().handle));
  return consumer;
}

KafkaConsumer::~KafkaConsumer() {
  if (state_->unanswered > 0) HearGroup(kGroupWaitMillis);
  // Messages and queues keep the handle alive.
  state_->given.clear();
  state_->partitions.clear();
  state_->group_answers.reset();
}

Status KafkaConsumer::Assign(const KafkaOffsets& begin) {
  auto& partitions = state_->partitions;
  state_->given.clear();
  size_t count = 0;
  bool same = true;
  for (const auto& [topic, offsets] : begin) {
    for (const auto& [number, offset] : offsets) {
      ++count;
      auto found = partitions.find({topic, number});
      same = same && found != partitions.end() && found->second.next == offset;
    }
  }
  if (same && count == partitions.size()) return Status::Ok();

  partitions.clear();
  for (const auto& [topic, offsets] : begin) {
    for (const auto& [number, offset] : offsets) {
      kafka::Queue queue(rd_kafka_queue_get_partition(core().handle, topic.c_str(), number));
      if (!queue) return Internal("no queue for " + NameOf(topic, number));
      rd_kafka_queue_forward(queue.get(), nullptr);
      partitions[{topic, number}] = {NameOf(topic, number), std::move(queue), offset, {}, {}};
    }
  }
  kafka::Partitions list = kafka::ListOf(begin);
  auto error = rd_kafka_assign(core().handle, list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
  return kafka::StatusOf(error, core().Name() + ": assigning partitions");
}

Status KafkaConsumer::Take(Partition& from, rd_kafka_message_s* raw, int64_t end,
                           Fetched& fetched) {
  Message message(raw);
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    from.end_seen = message->offset;
    if (message->offset >= end) fetched.reached = true;
    return Status::Ok();
  }
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (kafka::MayPass(message->err)) return Status::Ok();  // librdkafka goes on by itself
    return kafka::StatusOf(message->err, core().Name() + ": " + from.name,
                           rd_kafka_message_errstr(message.get()));
  }
  if (message->offset < from.next) return Status::Ok();
  if (message->offset >= end) {
    fetched.reached = true;
    from.held.push_back(std::move(message));
    return Status::Ok();
  }
  KafkaRecord& record = fetched.records.emplace_back();
  record.has_key = message->key != nullptr;
  record.has_value = message->payload != nullptr;
  if (record.has_key) record.key = {static_cast<const char*>(message->key), message->key_len};
  if (record.has_value) record.value = {static_cast<const char*>(message->payload), message->len};
  record.offset = message->offset;
  rd_kafka_timestamp_type_t kind;
  record.timestamp = rd_kafka_message_timestamp(message.get(), &kind);
  record.message = message.get();
  fetched.bytes += static_cast<int64_t>(record.key.size() + record.value.size());
  from.next = record.offset + 1;
  if (from.next >= end) fetched.reached = true;
  state_->given.push_back(std::move(message));
  return Status::Ok();
}

Status KafkaConsumer::Fetch(const std::string& topic, int partition, int64_t end, size_t most,
                            Micros wait, Fetched& fetched, std::stop_token stop) {
  using std::chrono::steady_clock;
  fetched.records.clear();
  fetched.bytes = 0;
  fetched.reached = false;
  state_->given.clear();
  auto found = state_->partitions.find({topic, partition});
  if (found == state_->partitions.end())
    return Internal(NameOf(topic, partition) + " is read and was not assigned");
  Partition& from = found->second;
  fetched.reached = from.next >= end || (from.end_seen && *from.end_seen >= end);
  while (!from.held.empty() && fetched.records.size() < most && !fetched.reached) {
    bool beyond = from.held.front()->offset >= end;
    if (beyond) {
      fetched.reached = true;
      break;
    }
    Message message = std::move(from.held.front());
    from.held.pop_front();
    TRY(Take(from, message.release(), end, fetched));
  }
  auto deadline = steady_clock::now() + wait;
  state_->batch.resize(most);
  while (!fetched.reached && fetched.records.empty()) {
    if (stop.stop_requested()) return Canceled();
    TRY(core().Serve());
    size_t wanted = std::min<size_t>(most, static_cast<size_t>(end - from.next));
    // A batch is waited for until it is full: what is there is taken first.
    ssize_t got = rd_kafka_consume_batch_queue(from.queue.get(), 0, state_->batch.data(), wanted);
    if (got <= 0) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
                                                                        steady_clock::now());
      if (left.count() <= 0) break;
      int millis = static_cast<int>(std::min<int64_t>(left.count(), kafka::kSliceMillis / 5));
      state_->batch[0] = rd_kafka_consume_queue(from.queue.get(), millis);
      got = state_->batch[0] != nullptr ? 1 : 0;
    }
    Status status;
    for (ssize_t i = 0; i < got; ++i) {
      Status taken = Take(from, state_->batch[i], end, fetched);
      if (status.ok()) status = std::move(taken);
    }
    TRY(std::move(status));
  }
  if (fetched.reached) from.next = std::max(from.next, end);
  return Status::Ok();
}

void KafkaConsumer::TellGroup(const KafkaOffsets& offsets) {
  if (offsets == state_->told || offsets.empty()) return;
  HearGroup(0);
  kafka::Partitions list = kafka::ListOf(offsets);
  for (int i = 0; i < list->cnt; ++i) SetNote(core().handle, list->elems[i], state_->note);
  auto error = rd_kafka_commit_queue(core().handle, list.get(), state_->group_answers.get(),
                                     nullptr, nullptr);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  state_->told = offsets;
  ++state_->unanswered;
}

void KafkaConsumer::HearGroup(int wait_millis) {
  while (state_->unanswered > 0) {
    kafka::Core::Event event(rd_kafka_queue_poll(state_->group_answers.get(), wait_millis),
                             rd_kafka_event_destroy);
    if (!event) return;
    --state_->unanswered;
    if (rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    core().Tell(std::string("the group could not be told where reading stands: ") +
                rd_kafka_event_error_string(event.get()));
  }
}

}  // namespace millrace
