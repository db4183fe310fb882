#include "net/kafka/core.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <future>
#include <set>
#include <system_error>
#include <thread>

#include "base/text.h"

namespace millrace {

namespace {

// A connector rests on these being what it set.
const std::set<std::string, std::less<>> kOurs = {
    "bootstrap.servers", "metadata.broker.list", "security.protocol", "group.id",
    "group.instance.id", "enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms",
    "enable.auto.offset.store", "auto.offset.reset", "enable.partition.eof", "isolation.level",
    "transactional.id", "transaction.timeout.ms", "enable.idempotence", "enable.gapless.guarantee",
    "allow.auto.create.topics", "partitioner", "offset.store.method", "log.queue"};

}  // namespace

Status CheckKafkaProperties(const std::map<std::string, std::string>& properties) {
  for (const auto& [name, value] : properties) {
    if (kOurs.contains(name))
      return Invalid("property '" + name + "' is not yours to set", "it has a field of its own, "
                     "or the connector rests on its value");
    if (name == "sasl.password" || name == "ssl.key.password")
      return Invalid("property '" + name + "' would not be kept secret",
                     name == "sasl.password" ? "use `password`" : "use `key_password`");
    // Code of others, run in this process.
    if (name == "plugin.library.paths" || name == "ssl.engine.location" ||
        name == "ssl.providers" || name == "sasl.kerberos.kinit.cmd")
      return Invalid("property '" + name + "' would load or run a program: it is not taken");
  }
  return Status::Ok();
}

}  // namespace millrace

namespace millrace::kafka {

namespace {

constexpr int kMostLines = 200;      // of librdkafka in a client's log
constexpr int kMostDetailed = 5;     // syslog's notice
constexpr int kPauseMillis = 50;
constexpr int kMostHandshakes = 3;   // that fail one after the other
constexpr std::chrono::seconds kLongestDestroy{2};

struct DestroyConf {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, DestroyConf>;

// A property that librdkafka refuses; the value is not repeated: it may be a secret.
Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char why[512] = "";
  auto result = rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why);
  if (result == RD_KAFKA_CONF_OK) return Status::Ok();
  if (result == RD_KAFKA_CONF_UNKNOWN)
    return Invalid("librdkafka has no property '" + name + "'", "its CONFIGURATION.md names all");
  std::string reason = why;
  for (size_t at; !value.empty() && (at = reason.find(value)) != reason.npos;)
    reason.replace(at, value.size(), "…");
  return Invalid("librdkafka refuses property '" + name + "': " + reason);
}

const char* ProtocolOf(KafkaSecurity security) {
  switch (security) {
    case KafkaSecurity::kPlaintext: return "plaintext";
    case KafkaSecurity::kSsl: return "ssl";
    case KafkaSecurity::kSaslPlaintext: return "sasl_plaintext";
    case KafkaSecurity::kSaslSsl: return "sasl_ssl";
  }
  return "plaintext";
}

const char* MechanismOf(KafkaSasl mechanism) {
  switch (mechanism) {
    case KafkaSasl::kPlain: return "PLAIN";
    case KafkaSasl::kScramSha256: return "SCRAM-SHA-256";
    case KafkaSasl::kScramSha512: return "SCRAM-SHA-512";
  }
  return "PLAIN";
}

Properties ConnectionProperties(const KafkaOptions& options) {
  Properties all = {{"bootstrap.servers", Join(options.brokers, ",")},
                    {"security.protocol", ProtocolOf(options.security)},
                    {"client.id", "millrace"},
                    // Soon back when a broker is; as often as it is tried, it is not disturbed.
                    {"reconnect.backoff.max.ms", "1000"}};
  auto add = [&all](const char* name, const std::string& value) {
    if (!value.empty()) all.emplace_back(name, value);
  };
  add("ssl.ca.location", options.ca_file);
  add("ssl.certificate.location", options.cert_file);
  add("ssl.key.location", options.key_file);
  add("ssl.key.password", options.key_password.Reveal());
  if (!options.user.empty()) {
    add("sasl.mechanism", MechanismOf(options.sasl_mechanism));
    add("sasl.username", options.user);
    add("sasl.password", options.password.Reveal());
  }
  return all;
}

// librdkafka's own threads log, also those of a handle that was left behind (see ~Core).
std::mutex living_mutex;
std::set<const void*>& living = *new std::set<const void*>;  // cores; to the process's very end

void OnErrorCallback(rd_kafka_t*, int error, const char* reason, void* core) {
  static_cast<Core*>(core)->OnError(error, reason);
}
void OnLogCallback(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  void* core = rd_kafka_opaque(handle);
  std::lock_guard lock(living_mutex);
  if (living.contains(core)) static_cast<Core*>(core)->OnLog(level, facility, text);
}
void OnDeliveryCallback(rd_kafka_t*, const rd_kafka_message_t* message, void* core) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  static_cast<Core*>(core)->OnDelivery(message->err, rd_kafka_topic_name(message->rkt));
}

}  // namespace

Result<std::unique_ptr<Core>> Core::Open(Kind kind, const KafkaOptions& options,
                                         const Properties& more, KafkaClient::Log log) {
  auto core = std::make_unique<Core>();
  core->options = options;
  core->log = std::move(log);
  core->kind = kind;
  Conf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_opaque(conf.get(), core.get());
  rd_kafka_conf_set_error_cb(conf.get(), OnErrorCallback);
  rd_kafka_conf_set_log_cb(conf.get(), OnLogCallback);
  if (kind == Kind::kProducer) rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDeliveryCallback);
  TRY(CheckKafkaProperties(options.properties));
  // What we set last is what counts, but a connection may tune what is only a choice.
  for (const auto& [name, value] : ConnectionProperties(options)) TRY(Set(conf.get(), name, value));
  for (const auto& [name, value] : more) {
    if (!options.properties.contains(name)) TRY(Set(conf.get(), name, value));
  }
  for (const auto& [name, value] : options.properties) TRY(Set(conf.get(), name, value));
  {
    std::lock_guard lock(living_mutex);
    living.insert(core.get());
  }
  char why[512] = "";
  core->handle = rd_kafka_new(kind == Kind::kConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                              conf.get(), why, sizeof why);
  if (core->handle == nullptr)
    return Invalid(core->Name() + ": " + why, "check the fields of the connection");
  (void)conf.release();  // librdkafka's now
  return core;
}

// Where a broker has just been away, librdkafka may wait for itself, and for ever (its issues 3954
// and 4131). Then the handle is left to a thread of its own: nobody else must wait with it.
Core::~Core() {
  {
    std::lock_guard lock(living_mutex);
    living.erase(this);
  }
  if (handle == nullptr) return;
  // Nothing is to be told to a group: we never joined one.
  auto destroy = [handle = handle] {
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  };
  std::packaged_task<void()> work(destroy);
  std::future<void> destroyed = work.get_future();
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {  // no thread is to be had: then here
    destroy();
    return;
  }
  destroyed.wait_for(kLongestDestroy);
}

Status Core::Serve() {
  rd_kafka_poll(handle, 0);
  std::lock_guard lock(mutex_);
  return hopeless_;
}

Status Core::Ask(const std::string& what, const std::function<int(int)>& ask,
                 std::stop_token stop) {
  using std::chrono::steady_clock;
  auto deadline = steady_clock::now() + options.timeout;
  while (true) {
    if (stop.stop_requested()) return Canceled();
    auto left = (deadline - steady_clock::now()) / std::chrono::milliseconds(1);
    int error = ask(static_cast<int>(std::clamp<int64_t>(left, 1, kSliceMillis)));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      std::lock_guard lock(mutex_);
      failed_handshakes_ = last_code_ = 0;
      return Status::Ok();
    }
    TRY(Serve());
    if (!MayPass(error)) return StatusOf(error, Name() + ": " + what);
    if (steady_clock::now() >= deadline) {
      std::unique_lock lock(mutex_);
      if (last_code_ == RD_KAFKA_RESP_ERR__SSL) return StatusOf(last_code_, Name(), last_error_);
      lock.unlock();
      return {Code::kUnavailable,
              Name() + ": " + what + ": no answer in " + FormatDuration(options.timeout) +
                  (LastError().empty() ? "" : ": " + LastError()),
              "check that the brokers run, and `brokers` and `security` of the connection"};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMillis));
  }
}

Result<Core::Event> Core::Answer(rd_kafka_queue_s* queue, std::stop_token stop) {
  Event event(nullptr, rd_kafka_event_destroy);
  // The request has a time-out of its own, `options.timeout`: an answer comes.
  while (!event) {
    if (stop.stop_requested()) return Canceled();
    TRY(Serve());
    event.reset(rd_kafka_queue_poll(queue, kSliceMillis));
  }
  return event;
}

std::string Core::LastError() const {
  std::lock_guard lock(mutex_);
  return last_error_;
}

std::string Core::Name() const { return "Kafka at " + Join(options.brokers, ", "); }

void Core::Tell(const std::string& line) {
  if (log) log(line);
}

void Core::OnError(int error, const char* text) {
  std::lock_guard lock(mutex_);
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !last_error_.empty()) return;
  // By TLS 1.3 a broker refuses a certificate after the handshake: it looks like a lost connection.
  if (std::string_view(text).find("SSL routines") != std::string_view::npos)
    error = RD_KAFKA_RESP_ERR__SSL;
  last_error_ = text;
  last_code_ = error;
  // A broker that dies amid a handshake looks like a wrong certificate, too, but not for long.
  bool wrong = error == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
               (error == RD_KAFKA_RESP_ERR__SSL && ++failed_handshakes_ >= kMostHandshakes);
  if (wrong && hopeless_.ok()) hopeless_ = StatusOf(error, Name(), text);
}

void Core::OnLog(int level, const char* facility, const char* text) {
  if (level > kMostDetailed) return;
  std::string line = "librdkafka: " + std::string(facility) + ": " + text;
  {
    std::lock_guard lock(mutex_);
    if (line == last_line_ || told_ >= kMostLines) return;  // it repeats itself while it waits
    last_line_ = line;
    ++told_;
  }
  Tell(line);
}

void Core::OnDelivery(int error, const std::string& where) {
  std::lock_guard lock(mutex_);
  // What is purged follows from another failure, which may be told later.
  bool purged =
      error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
  if (!undelivered_.ok() && (purged || !only_purged_)) return;
  only_purged_ = purged;
  undelivered_ = StatusOf(error, "a record for topic " + where);
}

Status Core::TakeDeliveryFailure() {
  std::lock_guard lock(mutex_);
  return std::exchange(undelivered_, Status::Ok());
}

}  // namespace millrace::kafka
