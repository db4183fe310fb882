// What millrace.yml says of a Cassandra cluster and a pipeline file of tables on it.
#pragma once

#include <concepts>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "connect/registry.h"
#include "net/cassandra/cassandra.h"

namespace millrace {

template <>
struct EnumNames<CassandraVerify> {
  static constexpr std::pair<std::string_view, CassandraVerify> kAll[] = {
      {"full", CassandraVerify::kFull},
      {"certificate", CassandraVerify::kCertificate},
      {"nothing", CassandraVerify::kNothing},
  };
};
template <>
struct EnumNames<CassandraCompression> {
  static constexpr std::pair<std::string_view, CassandraCompression> kAll[] = {
      {"none", CassandraCompression::kNone},
      {"lz4", CassandraCompression::kLz4},
      {"snappy", CassandraCompression::kSnappy},
  };
};
template <>
struct EnumNames<CassandraConsistency> {
  static constexpr std::pair<std::string_view, CassandraConsistency> kAll[] = {
      {"any", CassandraConsistency::kAny},
      {"one", CassandraConsistency::kOne},
      {"two", CassandraConsistency::kTwo},
      {"three", CassandraConsistency::kThree},
      {"quorum", CassandraConsistency::kQuorum},
      {"all", CassandraConsistency::kAll},
      {"local_quorum", CassandraConsistency::kLocalQuorum},
      {"each_quorum", CassandraConsistency::kEachQuorum},
      {"local_one", CassandraConsistency::kLocalOne},
  };
};

namespace cassandra {

struct TlsConfig {
  std::string ca_file, cert_file, key_file;
  CassandraVerify verify = CassandraVerify::kFull;
};

// A cluster and how to sign in.
struct ServerConfig {
  std::vector<std::string> hosts;
  int port = CassandraOptions().port;
  std::string keyspace;
  std::string local_dc;
  std::string user;
  Secret password;
  std::optional<TlsConfig> tls;
  CassandraCompression compression = CassandraOptions().compression;
  Micros connect_timeout = CassandraOptions().connect_timeout;
  Micros request_timeout = CassandraOptions().request_timeout;
  int connections = CassandraOptions().connections;
  int threads = CassandraOptions().threads;
  int retries = CassandraRetry().most;
  Micros retry_delay = CassandraRetry().first_pause;
  Micros max_retry_delay = CassandraRetry().longest_pause;
};

struct SourceConfig : ServerConfig {
  std::string connection;
  std::string table, query;
  std::vector<std::string> columns;
  int parallel = 4;
  int page = CassandraScanOptions().page;
  CassandraConsistency consistency = CassandraConsistency::kLocalQuorum;
};

enum class Refresh { kOverwrite, kTruncate };

struct KeyspaceConfig {
  int replication_factor = 1;
  std::map<std::string, std::string> datacenters;
};

struct SpeculativeConfig {
  Micros after = std::chrono::milliseconds(100);
  int most = CassandraWriterOptions().speculative_most;
};

struct SinkConfig : ServerConfig {
  std::string connection;
  std::string table;
  std::vector<std::string> key, partition_key;
  std::map<std::string, std::string> types;
  std::vector<std::string> exclude;
  std::string delete_when;
  bool ignore_nulls = false;
  std::optional<Micros> ttl;
  Refresh full_refresh = Refresh::kOverwrite;
  CassandraConsistency consistency = CassandraConsistency::kLocalQuorum;
  int in_flight = CassandraWriterOptions().in_flight;
  int batch_rows = CassandraWriterOptions().batch_rows;
  std::optional<SpeculativeConfig> speculative;
  std::optional<KeyspaceConfig> create_keyspace;
  bool create_table = true;
};

}  // namespace cassandra

template <>
struct EnumNames<cassandra::Refresh> {
  static constexpr std::pair<std::string_view, cassandra::Refresh> kAll[] = {
      {"overwrite", cassandra::Refresh::kOverwrite},
      {"truncate", cassandra::Refresh::kTruncate},
  };
};

namespace cassandra {

// `folder`: where paths of files begin.
CassandraOptions OptionsOf(const ServerConfig& config, const std::string& folder);
CassandraRetry RetryOf(const ServerConfig& config);

// "keyspace.table", or a table in the connection's keyspace; each part may stand in "".
struct TableName {
  std::string keyspace, table;
};
Result<TableName> ParseTable(const std::string& text, const std::string& keyspace);

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

}  // namespace cassandra
}  // namespace millrace
