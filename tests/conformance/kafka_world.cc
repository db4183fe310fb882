#include "conformance/kafka_world.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "net/kafka/consumer.h"
#include "net/kafka/producer.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "MILLRACE_CONFORMANCE_KAFKA", kPort[] = "MILLRACE_CONFORMANCE_KAFKA_PORT";

// Whoever is first decides where it will be; its children read that in their environment.
class Broker {
 public:
  static Broker& Get() {
    static Broker broker;
    return broker;
  }

  std::string address() const { return "127.0.0.1:" + port_; }
  std::string Path(const World& world) const {
    return folder_ + "/" + World::NameOf(world.folder()) + ".ndjson";
  }
  KafkaOptions Options() {
    KafkaOptions options;
    options.brokers = {address()};
    return options;
  }
  void Start() {
    if (!ours_ || started_) return;
    started_ = true;
    std::string command = std::string(MILLRACE_SOURCE_FOLDER) +
                          "/tests/services/kafka_server.py start " + folder_ + " --port " + port_ +
                          " >/dev/null";
    if (std::system(command.c_str()) != 0) std::fprintf(stderr, "the suite's broker: no start\n");
  }

 private:
  Broker() : ours_(::getenv(kFolder) == nullptr) {
    if (ours_) {
      auto path = fs::temp_directory_path() / ("conformance_kafka_" + std::to_string(::getpid()));
      fs::create_directories(path);
      ::setenv(kFolder, path.c_str(), 1);
      // Not one that the system gives to outgoing connections.
      ::setenv(kPort, std::to_string(10000 + ::getpid() % 9000).c_str(), 1);
    }
    folder_ = ::getenv(kFolder);
    port_ = ::getenv(kPort);
  }
  ~Broker() {
    if (!started_) return;
    pid_t broker = 0;
    std::ifstream(folder_ + "/pid") >> broker;
    if (broker > 0) ::kill(broker, SIGKILL);
    fs::remove_all(folder_);
  }

  const bool ours_;
  bool started_ = false;
  std::string folder_, port_;
};

std::string TopicOf(const World& world) { return World::NameOf(world.folder()); }

Status Make(const std::string& topic, const std::map<std::string, std::string>& config = {}) {
  auto client = TRY(KafkaClient::Open(Broker::Get().Options(), {}, {}));
  return client->CreateTopic({.name = topic, .partitions = 2, .config = config}, {});
}

Status CopyTo(std::ofstream& out, const std::string& topic) {
  auto consumer = TRY(KafkaConsumer::Open(Broker::Get().Options(), {}, {}));
  Result<KafkaTopic> found = consumer->Topic(topic, {});
  if (found.code() == Code::kNotFound) return Status::Ok();
  KafkaOffsets begins, ends;
  for (int i = 0; i < TRY(std::move(found)).partitions; ++i) {
    begins[topic][i] = 0;
    ends[topic][i] = kKafkaEnd;
  }
  // A commit is seen a moment after it was answered: to there is read, not to where readers are.
  auto all = TRY(KafkaClient::Open(Broker::Get().Options(), {.committed_only = false}, {}));
  ends = TRY(all->OffsetsAt(ends, {}));
  TRY(consumer->Assign(begins));
  for (const auto& [partition, end] : ends[topic]) {
    KafkaConsumer::Fetched fetched;
    while (!fetched.reached) {
      TRY(consumer->Fetch(topic, partition, end, 1000, std::chrono::seconds(10), fetched, {}));
      for (const KafkaRecord& record : fetched.records) out << record.value << '\n';
    }
  }
  return Status::Ok();
}

}  // namespace

std::string KafkaFields() {
  return "brokers: \"" + Broker::Get().address() + "\", timeout: 20s";
}

std::unique_ptr<Storage> LakeBesideKafka(const std::string& world_folder) {
  Broker::Get().Start();
  return OpenLocalStorage(world_folder + "/lake");
}

Status SendRows(World& world, const std::string& rows) {
  TRY(Make(TopicOf(world)));
  auto producer = TRY(KafkaProducer::Open(Broker::Get().Options(), {}, TopicOf(world), {}));
  std::string path = Broker::Get().Path(world);
  TRY(world.session().WriteFile({rows}, path, "ndjson", {}, {}));
  std::ifstream lines(path);
  for (std::string line; std::getline(lines, line);) {
    KafkaRecordToSend record;
    record.value = line;
    TRY(producer->Produce(record, {}));
  }
  return producer->Flush({});
}

std::string ReadTopic(World& world) {
  std::string path = Broker::Get().Path(world);
  std::ofstream out(path);
  Status status = CopyTo(out, TopicOf(world));
  if (!status.ok()) return "SELECT " + SqlLiteral(status.ToString()) + " AS id, NULL AS v";
  return "SELECT * FROM read_json(" + SqlLiteral(path) +
         ", format := 'newline_delimited', columns := {'id': 'BIGINT', 'v': 'VARCHAR'})";
}

void SpoilTopic(World& world) {
  Status status = Make(TopicOf(world), {{"max.message.bytes", "10"}});
  if (!status.ok()) std::fprintf(stderr, "the suite's topic: %s\n", status.ToString().c_str());
}

}  // namespace millrace::conformance
