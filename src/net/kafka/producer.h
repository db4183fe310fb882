// Writes records: in transactions, or only idempotently (each once, in order, while it lives).
// KIP-98, https://cwiki.apache.org/confluence/display/KAFKA/KIP-98.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/kafka/client.h"

struct rd_kafka_error_s;

namespace millrace {

struct KafkaWriting {
  std::string transactional_id;  // "": without transactions
  Micros transaction_timeout{std::chrono::minutes(5)};
  Micros delivery_timeout{std::chrono::minutes(2)};  // of a record, all attempts together
  std::string compression = "none", partitioner = "murmur2_random";
  Micros linger{std::chrono::milliseconds(5)};
  int64_t memory_limit = int64_t{64} << 20;  // bytes of records on their way
};

struct KafkaRecordToSend {
  std::optional<std::string_view> key, value;
  int partition = -1;      // -1: by the partitioner
  int64_t timestamp = 0;   // milliseconds since 1970; 0: now
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

// One thread at a time. After a failure that is not the caller's mistake (kUnavailable, kConflict)
// it is of no use any more: make another, and its Begin tells what became of the last transaction.
class KafkaProducer : public KafkaClient {
 public:
  static Result<std::unique_ptr<KafkaProducer>> Open(const KafkaOptions& options,
                                                     const KafkaWriting& writing,
                                                     const std::string& topic, Log log);
  ~KafkaProducer() override;

  // Waits for room, and for nothing else.
  Status Produce(const KafkaRecordToSend& record, std::stop_token stop);
  // Until all is delivered.
  Status Flush(std::stop_token stop);

  // Transactions. Fence ends what an earlier producer with the id left: a commit that was on its
  // way is completed, all else is aborted; then that one can do nothing any more.
  Status Fence(std::stop_token stop);
  Status Begin(std::stop_token stop);
  // Becomes what `group` has committed, with the transaction.
  Status AddGroupOffset(const std::string& group, int partition, const KafkaGroupOffset& offset,
                        std::stop_token stop);
  // kUnavailable after a time-out: nobody knows; another producer's Fence finds out. What is not
  // committed when the producer goes is aborted, where the brokers answer in a second.
  Status Commit(std::stop_token stop);
  Status Abort(std::stop_token stop);

 private:
  struct State;
  KafkaProducer(std::unique_ptr<kafka::Core> core, std::unique_ptr<State> state);
  Status AbortWithin(Micros limit, std::stop_token stop);
  // Repeats what may be repeated; aborts what must be.
  template <class Call>
  Status Transact(const std::string& what, Micros limit, Call call, std::stop_token stop);

  const std::unique_ptr<State> state_;
};

}  // namespace millrace
