#include "connect/cassandra/config.h"

#include <algorithm>

#include "base/text.h"
#include "connect/cassandra/cassandra.h"

namespace millrace::cassandra {

namespace {

constexpr const char* kTableHint = "write it like shop.orders, or give the connection a `keyspace`";

Spec<TlsConfig> TlsSpec() {
  return Spec<TlsConfig>("tls", "TLS to the servers.")
      .Field("ca_file", &TlsConfig::ca_file,
             "Authorities (PEM) instead of the system's; relative to the pipeline's folder.")
      .Field("cert_file", &TlsConfig::cert_file, "Certificate of this client (PEM), where it is "
                                                 "asked for.")
      .Field("key_file", &TlsConfig::key_file, "Its key (PEM).")
      .Field("verify", &TlsConfig::verify,
             "full: the servers' certificates and that they name the servers' IP addresses; "
             "certificate: not the addresses; nothing: whoever answers is believed.")
      .Require([](const TlsConfig& t) { return t.cert_file.empty() == t.key_file.empty(); },
               "'cert_file' and 'key_file' belong together");
}

template <std::derived_from<ServerConfig> Config>
void AddServerFields(Spec<Config>& spec) {
  auto add = [&spec]<class T>(const char* key, T ServerConfig::*member, std::string help,
                              FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("hosts", &ServerConfig::hosts,
      "Some of the cluster's nodes, host or host:port; the others are learned of them.",
      {.example = "[cassandra1, cassandra2]"});
  add("port", &ServerConfig::port, "Of hosts that name none.", {.min = 1, .max = 65535});
  add("keyspace", &ServerConfig::keyspace, "Of tables that name none.");
  add("local_dc", &ServerConfig::local_dc,
      "The data centre whose nodes are asked first; LOCAL_ consistencies count there.",
      {.example = "dc1"});
  add("user", &ServerConfig::user, "Without one there is no sign-in.");
  add("password", &ServerConfig::password, "", {.example = "\"${secret:cassandra_password}\""});
  spec.Group("tls", static_cast<std::optional<TlsConfig> Config::*>(&ServerConfig::tls), TlsSpec(),
             "Speak TLS; `tls: {}` trusts what the system trusts.");
  add("compression", &ServerConfig::compression, "Of what goes over the network.");
  add("connect_timeout", &ServerConfig::connect_timeout, "Longest wait for a connection.",
      {.min = 0.001});
  add("request_timeout", &ServerConfig::request_timeout, "Longest wait for an answer.",
      {.min = 0.001});
  add("connections", &ServerConfig::connections, "To each node.", {.min = 1, .max = 64});
  add("threads", &ServerConfig::threads, "That speak with the nodes.", {.min = 1, .max = 64});
  add("retries", &ServerConfig::retries,
      "Repetitions of a request that fails for a reason that may pass.", {.min = 0, .max = 1000});
  add("retry_delay", &ServerConfig::retry_delay, "Before the first; doubled each time.",
      {.min = 0.001});
  add("max_retry_delay", &ServerConfig::max_retry_delay, "The longest of these.", {.min = 0.001});
}

Spec<ServerConfig> ServerSpec() {
  Spec<ServerConfig> spec("cassandra connection", "A Cassandra cluster, and how to sign in.");
  AddServerFields(spec);
  spec.Example("A cluster",
               "connections:\n  wide: {cassandra: {hosts: [cassandra1, cassandra2], local_dc: dc1, "
               "user: etl, password: \"${secret:cassandra_password}\"}}");
  return spec;
}

bool HasHosts(const ServerConfig& config) { return !config.hosts.empty(); }

constexpr const char* kHostsHint = "name a `connection` of millrace.yml, or `hosts` here";

Spec<SourceConfig> SourceSpec() {
  Spec<SourceConfig> spec("cassandra source", "A table, read whole each time.");
  spec.Field("table", &SourceConfig::table, "KEYSPACE.TABLE.", {.example = "shop.orders"})
      .Field("query", &SourceConfig::query,
             "A SELECT instead, which is read by one reader, page by page.")
      .Field("columns", &SourceConfig::columns, "Of the table, rather than all.")
      .Field("connection", &SourceConfig::connection, kConnectionHelp)
      .Field("parallel", &SourceConfig::parallel, "Ranges of tokens that are read at once.",
             {.min = 1, .max = 1024})
      .Field("page", &SourceConfig::page, "Rows an answer.", {.min = 1, .max = 100000})
      .Field("consistency", &SourceConfig::consistency, "How many replicas must agree.");
  AddServerFields(spec);
  spec.Short("table")
      .Example("A table", "from: {cassandra: {connection: wide, table: shop.orders}}")
      .Require(HasHosts, "it does not say where the cluster is", kHostsHint)
      .Require([](const SourceConfig& c) { return c.table.empty() != c.query.empty(); },
               "it needs either 'table' or 'query'")
      .Require([](const SourceConfig& c) { return c.query.empty() || c.columns.empty(); },
               "'columns' are those of a 'table'", "name them in the query")
      .Require([](const SourceConfig& c) {
                 return c.table.empty() || ParseTable(c.table, c.keyspace).ok();
               },
               "'table' does not name a keyspace and a table", kTableHint)
      .Require([](const SourceConfig& c) {
                 return c.consistency != CassandraConsistency::kAny &&
                        c.consistency != CassandraConsistency::kEachQuorum;
               },
               "consistencies any and each_quorum are for writing only");
  return spec;
}

Spec<KeyspaceConfig> KeyspaceSpec() {
  return Spec<KeyspaceConfig>("create_keyspace", "How many copies a new keyspace has.")
      .Field("replication_factor", &KeyspaceConfig::replication_factor, "In each data centre.",
             {.min = 1, .max = 100})
      .Field("datacenters", &KeyspaceConfig::datacenters, "Copies by data centre instead.",
             {.example = "{dc1: 3, dc2: 2}"})
      .Require(
          [](const KeyspaceConfig& c) {
            return std::ranges::all_of(c.datacenters, [](const auto& each) {
              return !each.second.empty() && each.second.size() < 4 &&
                     each.second.find_first_not_of("0123456789") == std::string::npos;
            });
          },
          "'datacenters' says for each how many copies", "write it like {dc1: 3, dc2: 2}");
}

Spec<SpeculativeConfig> SpeculativeSpec() {
  return Spec<SpeculativeConfig>("speculative", "Asks another replica where one is slow.")
      .Field("after", &SpeculativeConfig::after, "Without an answer.", {.min = 0.001})
      .Field("most", &SpeculativeConfig::most, "How many more are asked.", {.min = 1, .max = 10});
}

void AddTableFields(Spec<SinkConfig>& spec) {
  spec.Field("table", &SinkConfig::table, "KEYSPACE.TABLE.",
             {.required = true, .example = "shop.orders"})
      .Field("connection", &SinkConfig::connection, kConnectionHelp)
      .Field("key", &SinkConfig::key,
             "The whole primary key: of a table that is made here, and else it must be this one. "
             "A row replaces the one with the same key; of rows with one key, the later one.",
             {.example = "[customer, ordered_at]"})
      .Field("partition_key", &SinkConfig::partition_key,
             "Of a table that is made here: what of the key tells the node. Default: its first "
             "column.")
      .Field("types", &SinkConfig::types, "CQL types of columns of a table that is made here.",
             {.example = "{id: uuid, address: inet}"})
      .Field("create_table", &SinkConfig::create_table, "Make the table when it is missing.")
      .Group("create_keyspace", &SinkConfig::create_keyspace, KeyspaceSpec(),
             "Make the keyspace when it is missing.")
      .Field("exclude", &SinkConfig::exclude, "Columns of the rows that are not written.")
      .Field("delete_when", &SinkConfig::delete_when,
             "An SQL condition: of rows for which it holds, the key is deleted. A BOOLEAN column "
             "_tombstone says the same.",
             {.example = "\"op = 'd'\""})
      .Field("ignore_nulls", &SinkConfig::ignore_nulls,
             "A null leaves the value that is there, rather than delete it.")
      .Field("ttl", &SinkConfig::ttl, "Rows vanish after that; whole seconds.",
             {.min = 1, .max = 630720000, .example = "30d"})
      .Field("full_refresh", &SinkConfig::full_refresh,
             "What `--full-refresh` does to what is there: rows are written over and others stay, "
             "or the table is emptied first, whoever wrote them.");
}

Spec<SinkConfig> SinkSpec() {
  Spec<SinkConfig> spec(
      "cassandra sink",
      "A table: rows are put in by their primary key, many at once. They are seen before the "
      "commit; a replay writes the same rows with the same timestamps again.");
  AddTableFields(spec);
  spec.Field("consistency", &SinkConfig::consistency, "How many replicas must have a row.")
      .Field("in_flight", &SinkConfig::in_flight, "Rows on their way at once.",
             {.min = 1, .max = 32768})
      .Field("batch_rows", &SinkConfig::batch_rows,
             "Rows of one request (an unlogged batch), where the same replicas have them; in all "
             "up to 5 KiB. With more than 10, servers write warnings into their logs.",
             {.min = 1, .max = 1000})
      .Group("speculative", &SinkConfig::speculative, SpeculativeSpec(),
             "Asks another replica where one is slow.");
  AddServerFields(spec);
  spec.Example("Rows by key",
               "to: {cassandra: {connection: wide, table: shop.orders, key: [customer, id]}}")
      .Example("Changes",
               "to: {cassandra: {connection: wide, table: shop.orders, delete_when: \"op = 'd'\", "
               "exclude: op}}")
      .Require(HasHosts, "it does not say where the cluster is", kHostsHint)
      .Require([](const SinkConfig& c) { return ParseTable(c.table, c.keyspace).ok(); },
               "'table' does not name a keyspace and a table", kTableHint)
      .Require([](const SinkConfig& c) {
                 return std::ranges::all_of(c.partition_key, [&](const std::string& name) {
                   return std::ranges::find(c.key, name) != c.key.end();
                 });
               },
               "'partition_key' must be columns of 'key'")
      .Require([](const SinkConfig& c) {
                 return !c.ttl || *c.ttl % std::chrono::seconds(1) == Micros(0);
               },
               "'ttl' is whole seconds");
  return spec;
}

SinkTraits TraitsOf(const SinkConfig& config) {
  SinkTraits traits;
  for (const std::string& column : config.key) traits.columns.push_back({"key", column});
  for (const std::string& column : config.exclude) traits.columns.push_back({"exclude", column});
  return traits;
}

Result<std::string> Test(const ServerConfig& config, std::stop_token stop) {
  if (!HasHosts(config)) return Invalid("it does not say where the cluster is: `hosts`");
  auto session = TRY(CassandraSession::Connect(OptionsOf(config, "."), stop));
  CassandraCells local = TRY(session->Query(
      "SELECT cluster_name, release_version, data_center FROM system.local",
      CassandraConsistency::kLocalOne, stop));
  CassandraCells peers = TRY(session->Query("SELECT data_center FROM system.peers",
                                            CassandraConsistency::kLocalOne, stop));
  if (local.empty()) return Internal("system.local of " + session->servers() + " is empty");
  bool known = config.local_dc.empty() || local[0][2] == config.local_dc;
  for (const auto& peer : peers) known = known || peer[0] == config.local_dc;
  if (!known)
    return Invalid("the cluster has no data centre '" + config.local_dc + "'",
                   "this node is in '" + local[0][2].value_or("") + "'");
  if (!config.keyspace.empty() && !TRY(session->HasKeyspace(config.keyspace, stop)))
    return NotFound("there is no keyspace '" + config.keyspace + "' yet");
  return "Cassandra " + local[0][1].value_or("?") + ", cluster '" + local[0][0].value_or("") +
         "', " + std::to_string(peers.size() + 1) + (peers.empty() ? " node" : " nodes");
}

}  // namespace

CassandraOptions OptionsOf(const ServerConfig& config, const std::string& folder) {
  auto path = [&](const std::string& file) {
    return file.empty() || file.starts_with('/') ? file : folder + "/" + file;
  };
  CassandraOptions options{.hosts = config.hosts,
                           .port = config.port,
                           .local_dc = config.local_dc,
                           .user = config.user,
                           .password = config.password,
                           .tls = config.tls.has_value(),
                           .connect_timeout = config.connect_timeout,
                           .request_timeout = config.request_timeout,
                           .compression = config.compression,
                           .connections = config.connections,
                           .threads = config.threads};
  if (config.tls) {
    options.ca_file = path(config.tls->ca_file);
    options.cert_file = path(config.tls->cert_file);
    options.key_file = path(config.tls->key_file);
    options.verify = config.tls->verify;
  }
  return options;
}

CassandraRetry RetryOf(const ServerConfig& config) {
  return {config.retries, config.retry_delay, config.max_retry_delay};
}

Result<TableName> ParseTable(const std::string& text, const std::string& keyspace) {
  std::vector<std::string> parts{""};
  bool quoted = false;
  for (char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() == 1) parts.insert(parts.begin(), keyspace);
  bool named = std::ranges::none_of(parts, [](const std::string& part) { return part.empty(); });
  if (parts.size() == 2 && named && !quoted) return TableName{parts[0], parts[1]};
  return Invalid("'" + text + "' does not name a keyspace and a table", kTableHint);
}

void Register(Registry& registry) {
  registry.AddConnection<ServerConfig>("cassandra", ServerSpec(), Test);
  registry.AddSource<SourceConfig>("cassandra", SourceSpec(), MakeSource);
  registry.AddSink<SinkConfig>("cassandra", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::cassandra
