// What millrace.yml says of a Kafka cluster, and a pipeline file of topics that are read or
// written.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "connect/registry.h"
#include "decode/record_format.h"
#include "net/kafka/client.h"
#include "net/registry/schema_registry.h"

namespace millrace::kafka {

enum class Isolation { kReadCommitted, kReadUncommitted };
enum class OnLost { kFail, kEarliest, kLatest };
enum class KeyFormat { kText, kBytes };
enum class Delivery { kExactlyOnce, kAtLeastOnce };
enum class Codec { kNone, kGzip, kSnappy, kLz4, kZstd };
enum class Partitioner { kMurmur2Random, kConsistentRandom, kFnv1aRandom, kRandom };

// A cluster and how to sign in.
struct ServerConfig {
  std::vector<std::string> brokers;
  KafkaSecurity security = KafkaOptions().security;
  KafkaSasl sasl_mechanism = KafkaOptions().sasl_mechanism;
  std::string user;
  Secret password;
  std::string ca_file, cert_file, key_file;
  Secret key_password;
  std::map<std::string, std::string> properties;
  Micros timeout = KafkaOptions().timeout;
  std::optional<SchemaRegistryConfig> registry;
};

struct SourceConfig : ServerConfig, RecordReading {
  std::string connection;
  std::vector<std::string> topic;
  std::string topic_pattern, shard, group;
  YamlNode from, metadata;  // see start.h and metadata.h
  Isolation isolation = Isolation::kReadCommitted;
  OnLost on_lost = OnLost::kFail;
  KeyFormat key_format = KeyFormat::kText;
  std::optional<bool> incremental;
  int64_t batch_rows = 32768;
  Bytes fetch_memory{int64_t{64} << 20};
  Micros fetch_wait = std::chrono::milliseconds(50);
  Micros fetch_timeout = std::chrono::seconds(60);
  Micros topics_refresh = std::chrono::seconds(30);
  Bytes max_rejected{int64_t{64} << 20};
};

struct TopicConfig {
  int partitions = 1, replication = -1;
  std::map<std::string, std::string> config;
};

struct SinkConfig : ServerConfig, RecordWriting {
  std::string connection, topic, key, headers;
  std::optional<TopicConfig> create_topic;
  Delivery delivery = Delivery::kExactlyOnce;
  std::string transactional_id;
  Micros transaction_timeout = std::chrono::minutes(5);
  Micros delivery_timeout = std::chrono::minutes(2);
  Codec compression = Codec::kNone;
  Partitioner partitioner = Partitioner::kMurmur2Random;
  Micros linger = std::chrono::milliseconds(5);
  Bytes memory_limit{int64_t{64} << 20};
};

KafkaOptions OptionsOf(const ServerConfig& config);
KafkaClient::Log LogOf(const ConnectContext& context);
// Null where the connection has none.
Result<std::unique_ptr<SchemaRegistry>> RegistryOf(const ServerConfig& config,
                                                   const ConnectContext& context);

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

}  // namespace millrace::kafka

namespace millrace {

template <>
struct EnumNames<kafka::Isolation> {
  static constexpr std::pair<std::string_view, kafka::Isolation> kAll[] = {
      {"read_committed", kafka::Isolation::kReadCommitted},
      {"read_uncommitted", kafka::Isolation::kReadUncommitted}};
};
template <>
struct EnumNames<kafka::OnLost> {
  static constexpr std::pair<std::string_view, kafka::OnLost> kAll[] = {
      {"fail", kafka::OnLost::kFail},
      {"earliest", kafka::OnLost::kEarliest},
      {"latest", kafka::OnLost::kLatest}};
};
template <>
struct EnumNames<kafka::KeyFormat> {
  static constexpr std::pair<std::string_view, kafka::KeyFormat> kAll[] = {
      {"text", kafka::KeyFormat::kText}, {"bytes", kafka::KeyFormat::kBytes}};
};
template <>
struct EnumNames<kafka::Delivery> {
  static constexpr std::pair<std::string_view, kafka::Delivery> kAll[] = {
      {"exactly_once", kafka::Delivery::kExactlyOnce},
      {"at_least_once", kafka::Delivery::kAtLeastOnce}};
};
template <>
struct EnumNames<kafka::Codec> {
  static constexpr std::pair<std::string_view, kafka::Codec> kAll[] = {
      {"none", kafka::Codec::kNone},
      {"gzip", kafka::Codec::kGzip},
      {"snappy", kafka::Codec::kSnappy},
      {"lz4", kafka::Codec::kLz4},
      {"zstd", kafka::Codec::kZstd}};
};
template <>
struct EnumNames<kafka::Partitioner> {
  static constexpr std::pair<std::string_view, kafka::Partitioner> kAll[] = {
      {"murmur2_random", kafka::Partitioner::kMurmur2Random},
      {"consistent_random", kafka::Partitioner::kConsistentRandom},
      {"fnv1a_random", kafka::Partitioner::kFnv1aRandom},
      {"random", kafka::Partitioner::kRandom}};
};

}  // namespace millrace
