#include "net/kafka/producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "net/kafka/core.h"
#include "net/kafka/handles.h"

namespace millrace {

namespace {

constexpr Micros kLastWords = std::chrono::seconds(1);

std::string Millis(Micros time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

struct KafkaProducer::State {
  std::string topic;
  KafkaWriting writing;
  kafka::TopicHandle handle;
  std::vector<rd_kafka_vu_t> arguments;  // of one record, kept for the next
  bool in_transaction = false;
};

KafkaProducer::KafkaProducer(std::unique_ptr<kafka::Core> core, std::unique_ptr<State> state)
    : KafkaClient(std::move(core)), state_(std::move(state)) {}

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::Open(const KafkaOptions& options,
                                                           const KafkaWriting& writing,
                                                           const std::string& topic, Log log) {
  Micros delivery = writing.delivery_timeout;
  kafka::Properties properties = {
      {"enable.idempotence", "true"},
      {"compression.type", writing.compression},
      {"partitioner", writing.partitioner},
      {"linger.ms", Millis(writing.linger)},
      {"queue.buffering.max.kbytes",
       std::to_string(std::max<int64_t>(writing.memory_limit >> 10, 1))},
      {"queue.buffering.max.messages", "1000000"},
      {"delivery.report.only.error", "true"},
  };
  if (!writing.transactional_id.empty()) {
    properties.emplace_back("transactional.id", writing.transactional_id);
    properties.emplace_back("transaction.timeout.ms", Millis(writing.transaction_timeout));
    delivery = std::min(delivery, writing.transaction_timeout);
  }
  properties.emplace_back("message.timeout.ms", Millis(delivery));
  auto core = TRY(
      kafka::Core::Open(kafka::Kind::kProducer, options, properties, std::move(log)));
  auto state = std::make_unique<State>();
  state->topic = topic;
  state->writing = writing;
  state->handle.reset(rd_kafka_topic_new(core->handle, topic.c_str(), nullptr));
  if (!state->handle) return Invalid("'" + topic + "' is no name for a topic");
  return std::unique_ptr<KafkaProducer>(new KafkaProducer(std::move(core), std::move(state)));
}

KafkaProducer::~KafkaProducer() {
  // Or readers of committed records wait behind it until the brokers give it up.
  if (state_->in_transaction) (void)AbortWithin(kLastWords, {});
  // What is still on its way is not wanted: nobody committed it.
  rd_kafka_purge(core().handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                    RD_KAFKA_PURGE_F_NON_BLOCKING);
  state_->handle.reset();
}

Status KafkaProducer::Produce(const KafkaRecordToSend& record, std::stop_token stop) {
  auto& arguments = state_->arguments;
  arguments.clear();
  auto add = [&arguments](rd_kafka_vtype_t kind) -> auto& {
    rd_kafka_vu_t& each = arguments.emplace_back();
    each.vtype = kind;
    return each.u;
  };
  auto bytes = [](auto& memory, std::string_view view) {
    memory.mem.ptr = const_cast<char*>(view.data());
    memory.mem.size = view.size();
  };
  add(RD_KAFKA_VTYPE_RKT).rkt = state_->handle.get();
  add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  // A null pointer is a tombstone; an empty value is none.
  if (record.value) bytes(add(RD_KAFKA_VTYPE_VALUE), record.value->data() ? *record.value : "");
  if (record.key) bytes(add(RD_KAFKA_VTYPE_KEY), record.key->data() ? *record.key : "");
  if (record.partition >= 0) add(RD_KAFKA_VTYPE_PARTITION).i32 = record.partition;
  if (record.timestamp > 0) add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = record.timestamp;
  for (const auto& [name, value] : record.headers) {
    auto& header = add(RD_KAFKA_VTYPE_HEADER).header;
    header.name = name.c_str();
    header.val = value ? value->data() : nullptr;
    header.size = value ? static_cast<ssize_t>(value->size()) : 0;
  }
  auto deadline = std::chrono::steady_clock::now() + state_->writing.delivery_timeout;
  while (true) {
    kafka::Error error(rd_kafka_produceva(core().handle, arguments.data(), arguments.size()));
    if (!error) return Status::Ok();
    int code = rd_kafka_error_code(error.get());
    // A transaction that cannot be committed any more says so before it says why.
    if (code == RD_KAFKA_RESP_ERR__STATE) (void)rd_kafka_flush(core().handle, kafka::kSliceMillis);
    Status undelivered = core().TakeDeliveryFailure();
    if (!undelivered.ok()) return undelivered.In(core().Name());
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return kafka::StatusOf(code, core().Name() + ": topic " + state_->topic,
                             rd_kafka_error_string(error.get()));
    }
    if (stop.stop_requested()) return Canceled();
    TRY(core().Serve());
    if (std::chrono::steady_clock::now() > deadline)
      return {Code::kUnavailable, core().Name() + " takes no records of topic " + state_->topic +
                                      ": " + core().LastError()};
    rd_kafka_poll(core().handle, 20);
  }
}

Status KafkaProducer::Flush(std::stop_token stop) {
  // Every record has a time-out of its own: this ends.
  while (rd_kafka_flush(core().handle, kafka::kSliceMillis) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (stop.stop_requested()) return Canceled();
    TRY(core().Serve());
  }
  Status undelivered = core().TakeDeliveryFailure();
  if (undelivered.ok()) return undelivered;
  return undelivered.In(core().Name() +
                        (core().LastError().empty() ? "" : " (" + core().LastError() + ")"));
}

template <class Call>
Status KafkaProducer::Transact(const std::string& what, Micros limit, Call call,
                               std::stop_token stop) {
  using std::chrono::steady_clock;
  auto deadline = steady_clock::now() + limit;
  while (true) {
    kafka::Error error(call(kafka::kSliceMillis));
    if (!error) return Status::Ok();
    int code = rd_kafka_error_code(error.get());
    Status status = kafka::StatusOf(code, core().Name() + ": " + what,
                                    rd_kafka_error_string(error.get()));
    Status undelivered = core().TakeDeliveryFailure();
    if (!undelivered.ok()) status = undelivered.In(core().Name() + ": " + what);
    if (rd_kafka_error_is_fatal(error.get())) {
      char why[512] = "";
      auto first = rd_kafka_fatal_error(core().handle, why, sizeof why);
      if (first != RD_KAFKA_RESP_ERR_NO_ERROR) code = first;
      status = kafka::StatusOf(code, core().Name() + ": " + what, why);
      if (status.code() == Code::kConflict)
        return {Code::kConflict, status.message(),
                "another process writes with transactional id " +
                    state_->writing.transactional_id + ": only one may"};
      return status;
    }
    if (!rd_kafka_error_is_retriable(error.get())) return status;
    if (stop.stop_requested()) return Canceled();
    TRY(core().Serve());
    if (steady_clock::now() > deadline) {
      return {Code::kUnavailable, core().Name() + ": " + what + ": no answer in " +
                                      FormatDuration(limit) + ": " + core().LastError()};
    }
    if (code != RD_KAFKA_RESP_ERR__TIMED_OUT)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Status KafkaProducer::Fence(std::stop_token stop) {
  return Transact(
      "beginning transactions", core().options.timeout,
      [&](int millis) { return rd_kafka_init_transactions(core().handle, millis); }, stop);
}

Status KafkaProducer::Begin(std::stop_token stop) {
  Status begun = Transact(
      "beginning a transaction", core().options.timeout,
      [&](int) { return rd_kafka_begin_transaction(core().handle); }, stop);
  state_->in_transaction = begun.ok();
  return begun;
}

Status KafkaProducer::AddGroupOffset(const std::string& group, int partition,
                                     const KafkaGroupOffset& offset, std::stop_token stop) {
  kafka::Partitions list = kafka::ListOf({{state_->topic, {{partition, offset.offset}}}});
  void* metadata = rd_kafka_mem_malloc(core().handle, offset.metadata.size() + 1);
  offset.metadata.copy(static_cast<char*>(metadata), offset.metadata.size());
  list->elems[0].metadata = metadata;
  list->elems[0].metadata_size = offset.metadata.size();
  std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                  void (*)(rd_kafka_consumer_group_metadata_t*)>
      member(rd_kafka_consumer_group_metadata_new(group.c_str()),
             rd_kafka_consumer_group_metadata_destroy);
  return Transact(
      "adding the commit to the transaction", core().options.timeout,
      [&](int millis) {
        return rd_kafka_send_offsets_to_transaction(core().handle, list.get(), member.get(),
                                                    millis);
      },
      stop);
}

Status KafkaProducer::Commit(std::stop_token stop) {
  Status committed = Transact(
      "committing the transaction", state_->writing.transaction_timeout,
      [&](int millis) { return rd_kafka_commit_transaction(core().handle, millis); }, stop);
  if (committed.ok()) state_->in_transaction = false;
  return committed;
}

Status KafkaProducer::Abort(std::stop_token stop) {
  return AbortWithin(core().options.timeout, stop);
}

Status KafkaProducer::AbortWithin(Micros limit, std::stop_token stop) {
  (void)core().TakeDeliveryFailure();
  Status aborted = Transact(
      "aborting the transaction", limit,
      [&](int millis) { return rd_kafka_abort_transaction(core().handle, millis); }, stop);
  (void)core().TakeDeliveryFailure();  // what was purged was not to be delivered
  if (aborted.ok()) state_->in_transaction = false;
  return aborted;
}

}  // namespace millrace
