// Kafka by librdkafka (https://docs.confluent.io/platform/current/clients/librdkafka/): what
// consumers and producers have in common, and questions to a cluster.
//
// All calls block, and return within one second of a stop. Codes: kUnavailable nobody answers in
// time, or asks for patience; kNotFound no such topic; kConflict another producer took over;
// kInvalid the configuration is wrong or something is denied. Messages name the cluster, never a
// secret.
// What librdkafka logs goes to the log that was given, from its threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/kafka/options.h"

namespace millrace {

struct KafkaTopic {
  std::string name;
  int partitions = 0;
};

// Topic → partition → offset.
using KafkaOffsets = std::map<std::string, std::map<int, int64_t>>;

// In place of a time in OffsetsAt.
inline constexpr int64_t kKafkaEnd = -1, kKafkaBegin = -2;

struct KafkaGroupOffset {
  int64_t offset = 0;
  std::string metadata;
};

using KafkaGroupOffsets = std::map<std::string, std::map<int, KafkaGroupOffset>>;

struct KafkaIsolation {
  bool committed_only = true;  // read_committed: the end is before transactions that are open
};

struct KafkaTopicWish {
  std::string name;
  int partitions = 1;
  int replication = -1;  // -1: as the brokers are configured
  std::map<std::string, std::string> config;
};

namespace kafka {
struct Core;
}

class KafkaClient {
 public:
  using Log = std::function<void(const std::string& line)>;

  virtual ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  // A client to ask with only.
  static Result<std::unique_ptr<KafkaClient>> Open(const KafkaOptions& options, KafkaIsolation see,
                                                   Log log);

  const KafkaOptions& options() const;
  std::string brokers() const;  // for messages

  Result<std::vector<KafkaTopic>> Topics(std::stop_token stop);
  Result<int> CountBrokers(std::stop_token stop);
  Result<KafkaTopic> Topic(const std::string& name, std::stop_token stop);
  // For each partition the first offset whose record is not older than the value (milliseconds
  // since 1970; the end where there is none), or the begin or end. The end is that of what a
  // reader of the client's isolation sees.
  Result<KafkaOffsets> OffsetsAt(const KafkaOffsets& times, std::stop_token stop);
  // What a group committed. `stable`: waits while a transaction is about to change it.
  Result<std::optional<KafkaGroupOffset>> GroupOffset(const std::string& group,
                                                      const std::string& topic, int partition,
                                                      bool stable, std::stop_token stop);
  // Of those partitions that it committed anything of, of all that are named.
  Result<KafkaGroupOffsets> GroupOffsets(const std::string& group, const KafkaOffsets& partitions,
                                         bool stable, std::stop_token stop);
  Status SetGroupOffset(const std::string& group, const std::string& topic, int partition,
                        const KafkaGroupOffset& offset, std::stop_token stop);
  // Ok when it is there already.
  Status CreateTopic(const KafkaTopicWish& topic, std::stop_token stop);

 protected:
  explicit KafkaClient(std::unique_ptr<kafka::Core> core);
  kafka::Core& core() { return *core_; }

 private:
  const std::unique_ptr<kafka::Core> core_;
};

}  // namespace millrace
