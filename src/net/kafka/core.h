// A librdkafka handle, its callbacks and its errors. Private to net/kafka.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/kafka/client.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_op_s;
struct rd_kafka_topic_partition_list_s;

namespace millrace::kafka {

enum class Kind { kConsumer, kProducer };
using Properties = std::vector<std::pair<std::string, std::string>>;

// A wait is cut into these: so soon a stop is noticed.
inline constexpr int kSliceMillis = 500;

// What an error code of librdkafka (rd_kafka_resp_err_t) means for the caller.
Code CodeOf(int error);
Status StatusOf(int error, const std::string& what, const std::string& details = "");
// The same question may be answered a moment later.
bool MayPass(int error);

struct Core {
  static Result<std::unique_ptr<Core>> Open(Kind kind, const KafkaOptions& options,
                                            const Properties& more, KafkaClient::Log log);
  ~Core();

  // Serves callbacks; the answer is the error that a wait cannot heal: wrong password, certificate.
  Status Serve();
  // Asks again and again, until it is answered, for at most options.timeout. `ask` gets the
  // milliseconds it may take and returns a code of librdkafka.
  Status Ask(const std::string& what, const std::function<int(int)>& ask, std::stop_token stop);
  // Waits for the answer to what was sent with this queue; it may be an error.
  using Event = std::unique_ptr<rd_kafka_op_s, void (*)(rd_kafka_op_s*)>;
  Result<Event> Answer(rd_kafka_queue_s* queue, std::stop_token stop);
  // The newest error that librdkafka told by itself; "" when there was none.
  std::string LastError() const;
  void Tell(const std::string& line);
  std::string Name() const;  // "Kafka at a:9092, b:9092"

  KafkaOptions options;
  KafkaClient::Log log;
  rd_kafka_s* handle = nullptr;
  Kind kind = Kind::kConsumer;

  // By librdkafka's callbacks.
  void OnError(int error, const char* text);
  void OnLog(int level, const char* facility, const char* text);
  void OnDelivery(int error, const std::string& where);
  // The first record that could not be delivered since the last call; ok when all were.
  Status TakeDeliveryFailure();

 private:
  mutable std::mutex mutex_;
  std::string last_error_, last_line_;
  int told_ = 0;  // lines of the log
  int failed_handshakes_ = 0, last_code_ = 0;
  Status hopeless_, undelivered_;
  bool only_purged_ = false;  // that is all undelivered_ tells
};

}  // namespace millrace::kafka
