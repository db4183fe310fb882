#include "connect/kafka/config.h"

#include <algorithm>
#include <concepts>
#include <regex>

#include "base/text.h"
#include "connect/kafka/kafka.h"
#include "connect/kafka/metadata.h"
#include "connect/kafka/shard.h"
#include "connect/kafka/start.h"

namespace millrace::kafka {

namespace {

template <std::derived_from<ServerConfig> Config>
void AddServerFields(Spec<Config>& spec) {
  auto add = [&spec]<class T>(const char* key, T ServerConfig::*member, std::string help,
                              FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("brokers", &ServerConfig::brokers,
      "host:port of some brokers of the cluster; the others are found by them.",
      {.example = "[\"kafka-1:9092\", \"kafka-2:9092\"]"});
  add("security", &ServerConfig::security,
      "What the brokers' listener speaks: sasl_… with user and password, …ssl encrypted.");
  add("sasl_mechanism", &ServerConfig::sasl_mechanism, "How user and password are sent.");
  add("user", &ServerConfig::user, "For sasl_plaintext and sasl_ssl.",
      {.example = "${KAFKA_USER}"});
  add("password", &ServerConfig::password, "Of the user.",
      {.example = "\"${secret:kafka_password}\""});
  add("ca_file", &ServerConfig::ca_file,
      "Certificates (PEM) to trust instead of the system's: for brokers with a certificate of your "
      "own.");
  add("cert_file", &ServerConfig::cert_file,
      "Certificate (PEM) of this client, for brokers that ask for one.");
  add("key_file", &ServerConfig::key_file, "Its private key (PEM).");
  add("key_password", &ServerConfig::key_password, "Of an encrypted private key.");
  add("properties", &ServerConfig::properties,
      "More of librdkafka's settings, by its names (its CONFIGURATION.md), but for those that the "
      "connector rests on.",
      {.example = "{socket.keepalive.enable: \"true\"}"});
  add("timeout", &ServerConfig::timeout,
      "Longest wait for an answer of the cluster, all attempts together.", {.min = 0.1});
  spec.Group("registry", static_cast<std::optional<SchemaRegistryConfig> Config::*>(
                             &ServerConfig::registry),
             SchemaRegistrySpec(), "The schema registry of the cluster's topics.");
}

Status CheckServer(const ServerConfig& config) {
  bool sasl = config.security == KafkaSecurity::kSaslPlaintext ||
              config.security == KafkaSecurity::kSaslSsl;
  if (sasl && config.user.empty())
    return Invalid("this 'security' needs a 'user'", "add user and password");
  if (!sasl && !config.user.empty())
    return Invalid("'user' is not sent by this 'security'",
                   "write `security: sasl_ssl`, or sasl_plaintext where the listener does not "
                   "encrypt");
  bool tls = config.security == KafkaSecurity::kSsl || config.security == KafkaSecurity::kSaslSsl;
  if (!tls && !(config.ca_file + config.cert_file + config.key_file).empty())
    return Invalid("certificates are not used by this 'security'",
                   "write `security: ssl` or sasl_ssl");
  if (config.cert_file.empty() != config.key_file.empty())
    return Invalid("'cert_file' and 'key_file' go together");
  return CheckKafkaProperties(config.properties);
}

Status CheckSource(const SourceConfig& config) {
  TRY(CheckServer(config));
  if (config.brokers.empty())
    return Invalid("'brokers' is missing", "name a connection that has it");
  if (config.topic.empty() == config.topic_pattern.empty())
    return Invalid("it needs one of 'topic' and 'topic_pattern'");
  if (config.fetch_memory.count < (1 << 20)) return Invalid("'fetch_memory' is less than 1 MB");
  try {
    std::regex pattern(config.topic_pattern);
  } catch (const std::regex_error&) {
    return Invalid("'topic_pattern' is no regular expression", "for example 'orders\\..*'");
  }
  TRY(Shard::Parse(config.shard));
  Result<Start> start = ParseStart(config.from);
  if (!start.ok()) return start.status();
  for (const auto& [topic, offsets] : start->offsets) {
    if (!topic.empty() && config.topic_pattern.empty() &&
        std::ranges::find(config.topic, topic) == config.topic.end())
      return Invalid("'from' names topic '" + topic + "', which is not read");
  }
  TRY(ParseMetadata(config.metadata));
  return CheckRecordReading(config);
}

Status CheckSink(const SinkConfig& config) {
  TRY(CheckServer(config));
  if (config.brokers.empty())
    return Invalid("'brokers' is missing", "name a connection that has it");
  if (!config.transactional_id.empty() && config.delivery != Delivery::kExactlyOnce)
    return Invalid("'transactional_id' is of `delivery: exactly_once` only");
  return CheckRecordWriting(config);
}

Spec<ServerConfig> ServerSpec() {
  Spec<ServerConfig> spec("kafka connection", "A Kafka cluster, and how to sign in.");
  AddServerFields(spec);
  spec.Example("With user and password",
               "connections:\n  bus: {kafka: {brokers: \"kafka:9094\", security: sasl_ssl, "
               "sasl_mechanism: scram-sha-512, user: etl, password: \"${secret:kafka}\"}}")
      .Example("With a schema registry",
               "connections:\n  bus: {kafka: {brokers: \"kafka:9092\", registry: {url: "
               "\"http://registry:8081\"}}}");
  spec.Check([](const ServerConfig& config) -> Status {
    TRY(CheckServer(config));
    return config.brokers.empty() ? Invalid("'brokers' is missing") : Status::Ok();
  });
  return spec;
}

Spec<SourceConfig> SourceSpec() {
  Spec<SourceConfig> spec("kafka source",
                          "Records of topics. The position is kept by Millrace, not by the group.");
  spec.Field("topic", &SourceConfig::topic, "One, or several.", {.example = "orders"})
      .Field("topic_pattern", &SourceConfig::topic_pattern,
             "Instead: a regular expression that the whole name of a topic must match. Topics that "
             "come later are noticed.",
             {.example = "\"orders\\\\..*\""})
      .Field("shard", &SourceConfig::shard,
             "I/N: of each topic only the partitions whose number, divided by N, leaves I. N tasks "
             "of a matrix read a topic side by side, each with its own commits; processes that "
             "`run --join` share them. To change N, see `group`.",
             {.example = "\"${matrix.shard}\""})
      .Field("connection", &SourceConfig::connection, kConnectionHelp)
      .Field("from", &SourceConfig::from,
             "Where to begin that has no position yet: earliest, latest, a time, or offsets of "
             "partitions ({0: 1700}, or {topic: {0: 1700}}); others begin at the earliest. A "
             "partition that is made later is read from its begin.",
             {.example = "latest"})
      .Field("group", &SourceConfig::group,
             "The consumer group that is told what was committed, for Kafka's tools. Default: "
             "millrace.TASK, one for all shards. A task without a position refuses partitions that "
             "the shards of another division read for its group: `from` takes the offsets that "
             "they told, another group reads all again.")
      .Field("isolation", &SourceConfig::isolation,
             "read_committed: no records of transactions that are open or were aborted.")
      .Field("on_lost", &SourceConfig::on_lost,
             "When records that were not read yet are gone, by retention or because the topic was "
             "made anew: fail, or go on with the earliest or the latest there are.")
      .Field("metadata", &SourceConfig::metadata,
             "Which columns come beside those of the value: _key, _topic, _partition, _offset, "
             "_timestamp, _headers (a map), _tombstone (whether there was no value). true: all, "
             "false: none.",
             {.example = "[_key, _offset, _tombstone]"})
      .Field("key_format", &SourceConfig::key_format, "Type of `_key`: VARCHAR or BLOB.");
  AddRecordReadingFields(spec);
  spec.Field("incremental", &SourceConfig::incremental,
             "Read only records that came since the last commit. Default: yes where the task keeps "
             "what it wrote before.")
      .Field("batch_rows", &SourceConfig::batch_rows, "Rows that are handed on at once.",
             {.min = 1, .max = 1'000'000})
      .Field("fetch_memory", &SourceConfig::fetch_memory,
             "For records fetched ahead, all partitions together; each has 1 MB at least.")
      .Field("fetch_wait", &SourceConfig::fetch_wait,
             "How long a broker may wait for new records before it answers that there are none.")
      .Field("fetch_timeout", &SourceConfig::fetch_timeout,
             "Longest wait for records that must be there.", {.min = 1})
      .Field("topics_refresh", &SourceConfig::topics_refresh,
             "How often new topics and partitions are looked for.")
      .Field("max_rejected", &SourceConfig::max_rejected,
             "Most memory for records that cannot be decoded, of one commit.");
  AddServerFields(spec);
  spec.Example("Records of JSON",
               "from: {kafka: {connection: bus, topic: orders, columns: {id: BIGINT, amount: "
               "\"DECIMAL(10,2)\"}}}")
      .Example("Six tasks for one topic",
               "matrix: {shard: [\"0/6\", \"1/6\", \"2/6\", \"3/6\", \"4/6\", \"5/6\"]}\n"
               "from: {kafka: {connection: bus, topic: orders, shard: \"${matrix.shard}\", "
               "columns: {id: BIGINT}}}")
      .Example("Avro with the connection's registry, from now on",
               "from: {kafka: {connection: bus, topic: users, format: avro, from: latest}}");
  spec.Check(CheckSource);
  return spec;
}

Spec<TopicConfig> TopicSpec() {
  return Spec<TopicConfig>("create_topic", "How a missing topic is made.")
      .Field("partitions", &TopicConfig::partitions, "How many.", {.min = 1})
      .Field("replication", &TopicConfig::replication,
             "Copies of each; -1: as the brokers are configured.", {.min = -1})
      .Field("config", &TopicConfig::config, "Settings of the topic.",
             {.example = "{cleanup.policy: compact}"});
}

Spec<SinkConfig> SinkSpec() {
  Spec<SinkConfig> spec("kafka sink", "Records of a topic, a row each.");
  spec.Field("topic", &SinkConfig::topic, "Where to.", {.required = true, .example = "user_data"})
      .Field("connection", &SinkConfig::connection, kConnectionHelp)
      .Field("key", &SinkConfig::key,
             "Column whose value is the record's key: text, bytes or a whole number. Default: "
             "_key, where there is one.",
             {.example = "id"})
      .Field("headers", &SinkConfig::headers,
             "Column with a MAP of headers. Default: _headers, where there is one.")
      .Group("create_topic", &SinkConfig::create_topic, TopicSpec(),
             "Make the topic when it is missing.");
  AddRecordWritingFields(spec);
  spec.Field("delivery", &SinkConfig::delivery,
             "exactly_once: a commit is a transaction. at_least_once: without one; a crash may "
             "repeat records.")
      .Field("transactional_id", &SinkConfig::transactional_id,
             "Names the writer: only one with it writes at a time. Default: millrace.TASK.TOPIC.")
      .Field("transaction_timeout", &SinkConfig::transaction_timeout,
             "The brokers abort a transaction that is open longer: a commit must be written in it. "
             "Readers of committed records wait so long for a writer that died and stays away.",
             {.min = 1, .max = 86400})
      .Field("delivery_timeout", &SinkConfig::delivery_timeout,
             "Longest wait until a record is accepted.", {.min = 1})
      .Field("compression", &SinkConfig::compression, "Of batches of records.")
      .Field("partitioner", &SinkConfig::partitioner,
             "How a key finds its partition. murmur2_random: as Java clients do; without a key: by "
             "chance.")
      .Field("linger", &SinkConfig::linger, "How long a batch waits for more records.")
      .Field("memory_limit", &SinkConfig::memory_limit, "For records on their way.");
  AddServerFields(spec);
  spec.Example("Keyed records of JSON", "to: {kafka: {connection: bus, topic: users, key: id}}")
      .Example("Deletions as tombstones",
               "sql: SELECT *, deleted AS _tombstone FROM input\n"
               "to: {kafka: {connection: bus, topic: users, key: id, create_topic: {partitions: 4, "
               "config: {cleanup.policy: compact}}}}");
  spec.Check(CheckSink);
  return spec;
}

SourceTraits TraitsOf(const SourceConfig& config) {
  return {.incremental = config.incremental, .can_be_incremental = true};
}

SinkTraits TraitsOf(const SinkConfig& config) {
  SinkTraits traits;
  if (!config.key.empty()) traits.columns.push_back({"key", config.key});
  if (!config.headers.empty()) traits.columns.push_back({"headers", config.headers});
  return traits;
}

Result<std::string> Test(const ServerConfig& config, std::stop_token stop) {
  auto client = TRY(KafkaClient::Open(OptionsOf(config), {.committed_only = true}, {}));
  auto topics = TRY(client->Topics(stop));
  int brokers = TRY(client->CountBrokers(stop));
  std::string found = std::to_string(brokers) + (brokers == 1 ? " broker, " : " brokers, ") +
                      std::to_string(topics.size()) + " topics";
  if (config.registry) found += "; " + TRY(TestSchemaRegistry(*config.registry, stop));
  return found;
}

}  // namespace

KafkaOptions OptionsOf(const ServerConfig& config) {
  return {.brokers = config.brokers,
          .security = config.security,
          .sasl_mechanism = config.sasl_mechanism,
          .user = config.user,
          .password = config.password,
          .ca_file = config.ca_file,
          .cert_file = config.cert_file,
          .key_file = config.key_file,
          .key_password = config.key_password,
          .properties = config.properties,
          .timeout = config.timeout};
}

KafkaClient::Log LogOf(const ConnectContext& context) { return context.log; }

Result<std::unique_ptr<SchemaRegistry>> RegistryOf(const ServerConfig& config,
                                                   const ConnectContext& context) {
  if (!config.registry) return std::unique_ptr<SchemaRegistry>();
  return SchemaRegistry::Create(*config.registry, context.env.clock);
}

void Register(Registry& registry) {
  registry.AddConnection<ServerConfig>("kafka", ServerSpec(), Test);
  registry.AddSource<SourceConfig>("kafka", SourceSpec(), MakeSource, TraitsOf);
  registry.AddSink<SinkConfig>("kafka", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::kafka
