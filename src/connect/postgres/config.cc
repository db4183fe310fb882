#include "connect/postgres/config.h"

#include <concepts>

#include "base/text.h"
#include "connect/postgres/postgres.h"
#include "net/postgres/connection.h"

namespace millrace::postgres {

namespace {

template <std::derived_from<ServerConfig> Config>
void AddServerFields(Spec<Config>& spec) {
  auto add = [&spec]<class T>(const char* key, T ServerConfig::*member, std::string help,
                              FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("url", &ServerConfig::url,
      "All of it in one: postgresql://USER:PASSWORD@HOST:5432/DATABASE. The fields below are "
      "stronger.",
      {.example = "\"${secret:crm_url}\""});
  add("host", &ServerConfig::host,
      "A name, an address, or the folder of a Unix socket. Without one: PGHOST of the environment, "
      "else this machine. What else is not given comes from the usual places, too: PGPORT, "
      "PGDATABASE, PGUSER, PGPASSWORD, ~/.pgpass.",
      {.example = "db.example.com"});
  add("port", &ServerConfig::port, "0: 5432.", {.min = 0, .max = 65535});
  add("database", &ServerConfig::database, "Name of the database.", {.example = "crm"});
  add("user", &ServerConfig::user, "Name of the role.");
  add("password", &ServerConfig::password, "Its password.",
      {.example = "\"${secret:crm_password}\""});
  add("sslmode", &ServerConfig::sslmode,
      "As libpq's: how much TLS is wanted. Default: verify-full where ca_file is given, else "
      "prefer.");
  add("ca_file", &ServerConfig::ca_file,
      "Certificates (PEM) to hold the server's against: of an authority of your own.");
  add("cert_file", &ServerConfig::cert_file, "Our own certificate (PEM), where the server asks.");
  add("key_file", &ServerConfig::key_file, "Its private key (PEM).");
  add("connect_timeout", &ServerConfig::connect_timeout, "Longest wait for a connection.");
  add("read_timeout", &ServerConfig::read_timeout,
      "Longest silence of a server that was asked something: how long a statement may take.");
  add("lock_timeout", &ServerConfig::lock_timeout,
      "Longest wait for a lock that somebody else holds.");
}

// Names what is read or written, so that tasks wait for each other: "postgres/crm/public.users".
template <class Config>
std::string PlaceOf(const Config& config, const std::string& table) {
  if (table.empty()) return "";
  std::string server =
      config.connection.empty() ? pg::PlaceOf(OptionsOf(config)) : config.connection;
  return "postgres/" + server + "/" + table;
}

bool IsKeyed(const SinkConfig& config) {
  return config.mode == Mode::kMerge || config.mode == Mode::kDeleteInsert;
}

}  // namespace

pg::Options OptionsOf(const ServerConfig& config, const std::string& task) {
  pg::Options options{.url = config.url,
                      .host = config.host,
                      .port = config.port,
                      .database = config.database,
                      .user = config.user,
                      .password = config.password,
                      .tls = config.sslmode,
                      .ca_file = config.ca_file,
                      .cert_file = config.cert_file,
                      .key_file = config.key_file,
                      .connect_timeout = config.connect_timeout,
                      .read_timeout = config.read_timeout,
                      .lock_timeout = config.lock_timeout};
  if (!task.empty()) options.application = CutText("millrace " + task, 60);
  return options;
}

Spec<ServerConfig> ServerSpec() {
  Spec<ServerConfig> spec("postgres connection", "A PostgreSQL server, and how to sign in.");
  AddServerFields(spec);
  spec.Example("A server",
               "connections:\n  crm: {postgres: {host: db.example.com, database: crm, user: "
               "millrace, password: \"${secret:crm_password}\"}}");
  return spec;
}

Spec<SourceConfig> SourceSpec() {
  Spec<SourceConfig> spec("postgres source",
                          "A table or view of a PostgreSQL database, or what a query gives.");
  spec.Field("table", &SourceConfig::table,
             "A table or view, with or without its schema; letters as in the database.",
             {.example = "public.orders"})
      .Field("query", &SourceConfig::query, "A SELECT of PostgreSQL, instead of a table.",
             {.example = "SELECT id, total::text FROM orders WHERE NOT draft"})
      .Field("connection", &SourceConfig::connection, kConnectionHelp)
      .Field("columns", &SourceConfig::columns,
             "Columns to read and their types, as SQL names them; the server casts. Without it all "
             "are read, and what they are is known only when the server is asked.",
             {.example = "{id: BIGINT, total: 'DECIMAL(18,2)'}"})
      .Field("cursor", &SourceConfig::cursor,
             "A column that grows with every row that is new or changed: a number or a time. With "
             "it a commit takes only the rows since the last one. Of a table exactly these, "
             "whatever order transactions commit in; of a view or query those with a higher value.",
             {.example = "updated_at"})
      .Field("lookback", &SourceConfig::lookback,
             "How far below the highest value that was read rows may still come about: a number "
             "or, for times, an interval. Of a table it lets the cursor's index be used (without, "
             "the whole table is looked through for rows that committed late); of a view or query "
             "the rows that far back are read again, so the target must merge them.",
             {.example = "1 hour"})
      .Field("incremental", &SourceConfig::incremental,
             "Read only what is new. Default: yes where there is a cursor and the task keeps what "
             "it wrote before.")
      .Field(
          "cdc", &SourceConfig::cdc,
          "Read the changes of the table out of the server's log (logical replication; its "
          "wal_level must be logical): first all rows there are, then each insert, update, delete "
          "and truncate, in order. Rows get the columns _op, _lsn and _seq (the place in the log, "
          "and within the transaction), _commit_time, and _unchanged: names of large values that "
          "an update did not touch and the log does not tell, as REPLICA IDENTITY FULL would.")
      .Field("snapshot", &SourceConfig::snapshot,
             "With cdc: the rows that are there come first, as inserts.")
      .Field("slot", &SourceConfig::slot,
             "With cdc: the replication slot; made when missing. It keeps the server's log until "
             "what is in it is committed here, also while nobody runs the task: drop it when the "
             "task goes. Default: a name made of the task's and the table's.")
      .Field("publication", &SourceConfig::publication,
             "With cdc: the publication; made when missing, which takes the table's owner. "
             "Default: a name made of the table's.")
      .Field("buffer", &SourceConfig::buffer, "With cdc: changes fetched ahead.",
             {.min = 65536, .max = int64_t{1} << 30})
      .Field("parallel", &SourceConfig::parallel,
             "Connections that read a large table side by side, under one snapshot.",
             {.min = 1, .max = 64})
      .Field("batch", &SourceConfig::batch, "Rows that travel together, about: bounds the memory.",
             {.min = 65536, .max = 256 << 20});
  AddServerFields(spec);
  spec.Short("table")
      .Example("A table", "from: {postgres: {connection: crm, table: orders}}")
      .Example("New and changed rows",
               "from: {postgres: {connection: crm, table: orders, cursor: updated_at}}")
      .Require(
          [](const SourceConfig& config) { return config.table.empty() != config.query.empty(); },
          "a source reads a 'table' or a 'query'", "write one of both")
      .Require(
          [](const SourceConfig& config) {
            return config.lookback.empty() || !config.cursor.empty();
          },
          "'lookback' has a meaning only with a 'cursor'", "leave it out")
      .Require(
          [](const SourceConfig& config) {
            return !config.incremental.value_or(false) || !config.cursor.empty();
          },
          "what is new is known only by a 'cursor'", "add `cursor: COLUMN`");
  return spec;
}

Spec<SinkConfig> SinkSpec() {
  Spec<SinkConfig> spec("postgres sink", "A table of a PostgreSQL database; made when missing.");
  spec.Field("table", &SinkConfig::table,
             "The table, with or without its schema; letters as in the database.",
             {.required = true, .example = "public.orders"})
      .Field("connection", &SinkConfig::connection, kConnectionHelp)
      .Field("mode", &SinkConfig::mode,
             "append adds the rows; replace puts them in place of all there are; merge updates "
             "rows with an equal key and adds the others, the last row of a key wins; "
             "delete_insert removes all rows with a key that occurs and adds the new ones. "
             "Default: append where only new rows are read, else replace.")
      .Field("key", &SinkConfig::key, "Columns that identify a row, for merge and delete_insert.",
             {.example = "[order_id]"})
      .Field("contract", &SinkConfig::contract,
             "What happens when rows do not have the table's shape. evolve: new columns are added "
             "and types widened; freeze: the task fails; discard_row: rows that do not fit go to "
             "the rejects; discard_value: unknown columns are left out, values that do not fit "
             "become null.")
      .Field("delete_when", &SinkConfig::delete_when,
             "With merge: an SQL condition on the rows. A key whose last row meets it is removed. "
             "Columns of the rows that begin with '_' are then written only where the table has "
             "them.",
             {.example = "\"_op = 'delete'\""})
      .Field("truncate_when", &SinkConfig::truncate_when,
             "With merge: a row that meets it empties the table of what came before it.",
             {.example = "\"_op = 'truncate'\""})
      .Field("commit_table", &SinkConfig::commit_table,
             "Table in the same schema where the last commit of each task is kept, in the "
             "transaction of its rows; made when missing.");
  AddServerFields(spec);
  spec.Short("table")
      .Example("Rows added", "to: {postgres: {connection: crm, table: raw_users, mode: append}}")
      .Example("Updated by key",
               "to: {postgres: {connection: crm, table: orders, mode: merge, key: order_id}}")
      .Require([](const SinkConfig& config) { return !IsKeyed(config) || !config.key.empty(); },
               "modes merge and delete_insert need a 'key'", "add `key: [column]`")
      .Require([](const SinkConfig& config) { return IsKeyed(config) || config.key.empty(); },
               "'key' has a meaning only with modes merge and delete_insert",
               "leave 'key' out, or write `mode: merge`")
      .Require(
          [](const SinkConfig& config) {
            bool asks = !config.delete_when.empty() || !config.truncate_when.empty();
            return !asks || config.mode == Mode::kMerge;
          },
          "'delete_when' and 'truncate_when' have a meaning only with mode merge",
          "write `mode: merge`, or leave them out");
  return spec;
}

SourceTraits TraitsOf(const SourceConfig& config) {
  return {.reads = PlaceOf(config, config.table),
          .incremental = config.cdc ? true : config.incremental,
          .can_be_incremental = config.cdc || !config.cursor.empty()};
}

SinkTraits TraitsOf(const SinkConfig& config) {
  SinkTraits traits;
  traits.writes = PlaceOf(config, config.table);
  traits.mode = config.mode.value_or(Mode::kAppend);
  traits.replaces = traits.mode == Mode::kReplace;
  traits.contract = config.contract;
  for (const std::string& column : config.key) traits.columns.push_back({"key", column});
  return traits;
}

Result<std::string> TestServer(const ServerConfig& config, std::stop_token stop) {
  auto connection = TRY(pg::Connection::Open(OptionsOf(config), stop));
  pg::Answer answer = TRY(
      connection->Run("SELECT current_setting('server_version'), current_database(), current_user, "
                      "pg_catalog.pg_is_in_recovery(), current_setting('wal_level')",
                      stop));
  std::string tls = connection->tls();
  return "PostgreSQL " + answer.Text(0, 0) + ", database " + answer.Text(0, 1) + " as " +
         answer.Text(0, 2) + (tls.empty() ? ", without TLS" : ", " + tls) +
         (answer.Bool(0, 3) ? ", a standby: it cannot be written to" : "") + ", wal_level " +
         answer.Text(0, 4);
}

void Register(Registry& registry) {
  registry.AddConnection<ServerConfig>("postgres", ServerSpec(), TestServer);
  registry.AddSource<SourceConfig>("postgres", SourceSpec(), MakeSource, TraitsOf);
  registry.AddSink<SinkConfig>("postgres", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::postgres
