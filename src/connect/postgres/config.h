// What millrace.yml says of a PostgreSQL server, and a pipeline file of its tables.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "connect/registry.h"
#include "connect/table/config.h"
#include "net/postgres/options.h"

namespace millrace {

template <>
struct EnumNames<pg::TlsMode> {
  static constexpr std::pair<std::string_view, pg::TlsMode> kAll[] = {
      {"disable", pg::TlsMode::kDisable},    {"allow", pg::TlsMode::kAllow},
      {"prefer", pg::TlsMode::kPrefer},      {"require", pg::TlsMode::kRequire},
      {"verify-ca", pg::TlsMode::kVerifyCa}, {"verify-full", pg::TlsMode::kVerifyFull},
  };
};

namespace postgres {

// A server, a database there, and how to sign in.
struct ServerConfig {
  Secret url;
  std::string host;
  int port = 0;
  std::string database, user;
  Secret password;
  std::optional<pg::TlsMode> sslmode;
  std::string ca_file, cert_file, key_file;
  Micros connect_timeout = pg::Options().connect_timeout;
  Micros read_timeout = pg::Options().read_timeout;
  Micros lock_timeout = pg::Options().lock_timeout;
};

struct SourceConfig : ServerConfig {
  std::string connection, table, query, cursor, lookback;
  std::optional<bool> incremental;
  std::map<std::string, std::string> columns;
  int parallel = 2;
  Bytes batch{4 << 20};
  bool cdc = false, snapshot = true;
  std::string slot, publication;
  Bytes buffer{16 << 20};
};

struct SinkConfig : ServerConfig {
  std::string connection, table;
  std::optional<Mode> mode;  // absent: the pipeline decides; append where nobody does
  std::vector<std::string> key;
  Contract contract = Contract::kEvolve;
  std::string delete_when, truncate_when;
  std::string commit_table = "millrace_commits";
};

pg::Options OptionsOf(const ServerConfig& config, const std::string& task = "");

Spec<ServerConfig> ServerSpec();
Spec<SourceConfig> SourceSpec();
Spec<SinkConfig> SinkSpec();
SourceTraits TraitsOf(const SourceConfig& config);
SinkTraits TraitsOf(const SinkConfig& config);
// "Test connection": what was found there, or what exactly is wrong.
Result<std::string> TestServer(const ServerConfig& config, std::stop_token stop);

Result<std::unique_ptr<Source>> MakeCdcSource(const SourceConfig& config, ConnectContext& context);
Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

}  // namespace postgres
}  // namespace millrace
