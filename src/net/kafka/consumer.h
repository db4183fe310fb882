// Reads partitions from offsets that the caller keeps. It joins no group: the caller's position
// counts, and a group is only told of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/kafka/client.h"

struct rd_kafka_message_s;

namespace millrace {

// Views into what was fetched: valid until the consumer's next call.
struct KafkaRecord {
  std::string_view key, value;
  bool has_key = false, has_value = false;  // neither is the same as an empty one
  int64_t offset = 0;
  int64_t timestamp = -1;  // milliseconds since 1970; -1: none
  const rd_kafka_message_s* message = nullptr;  // null: there are no headers
};

// Calls `take` for each header in turn; a value may be absent.
using TakeHeader =
    std::function<void(std::string_view name, std::optional<std::string_view> value)>;
void ForEachHeader(const KafkaRecord& record, const TakeHeader& take);

struct KafkaReading : KafkaIsolation {
  std::string group;
  std::string note;  // told to the group beside each offset
  int64_t memory_each = int64_t{16} << 20;  // bytes fetched ahead, of one partition; 1 MB or more
  Micros fetch_wait{std::chrono::milliseconds(50)};  // how long a broker waits for new records
};

// One thread at a time.
class KafkaConsumer : public KafkaClient {
 public:
  static Result<std::unique_ptr<KafkaConsumer>> Open(const KafkaOptions& options,
                                                     const KafkaReading& reading, Log log);
  ~KafkaConsumer() override;

  // Where reading goes on, for all partitions there are. Those that stand there already go on with
  // what was fetched ahead.
  Status Assign(const KafkaOffsets& begin);

  struct Fetched {
    std::vector<KafkaRecord> records;  // in order; at most `most`, all before `end`
    int64_t bytes = 0;                 // of keys and values
    bool reached = false;              // nothing more comes before `end`
  };
  // The next records of an assigned partition; waits for the first at most `wait`. kInvalid: what
  // is to be read is not there (any more).
  Status Fetch(const std::string& topic, int partition, int64_t end, size_t most, Micros wait,
               Fetched& fetched, std::stop_token stop);
  // Tells the group where it is, for tools of Kafka; it is not waited for. Failures are logged.
  void TellGroup(const KafkaOffsets& offsets);

 private:
  struct Partition;
  struct State;
  explicit KafkaConsumer(std::unique_ptr<kafka::Core> core);

  Status Take(Partition& from, rd_kafka_message_s* message, int64_t end, Fetched& fetched);
  void HearGroup(int wait_millis);

  const std::unique_ptr<State> state_;
};

}  // namespace millrace
