#include "conformance/cassandra_world.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/text.h"
#include "conformance/suite.h"
#include "net/cassandra/cassandra.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

constexpr char kPort[] = "MILLRACE_CONFORMANCE_CASSANDRA_PORT";
constexpr const char* kScript = MILLRACE_SOURCE_FOLDER "/tests/services/cassandra_server.py ";

std::string FirstLine(const std::string& words) {
  char line[512] = "";
  FILE* out = ::popen((kScript + words).c_str(), "r");
  if (out && !std::fgets(line, sizeof line, out)) line[0] = '\0';
  if (out) ::pclose(out);
  return std::string(Trim(line));
}

// Whoever is first decides where it will be; its children read that in their environment.
class Server {
 public:
  static Server& Get() {
    static Server server;
    return server;
  }
  const std::string& port() const { return port_; }
  CassandraSession& session() {
    if (!session_) {
      if (ours_) {
        FirstLine("start '" + folder_ + "' --port " + port_);
        started_ = true;
      }
      session_ = *CassandraSession::Connect({.hosts = {"127.0.0.1:" + port_}}, {});
    }
    return *session_;
  }

 private:
  Server() : ours_(::getenv(kPort) == nullptr) {
    if (ours_) {
      folder_ = fs::temp_directory_path() / ("conformance_cassandra_" + std::to_string(::getpid()));
      fs::create_directories(folder_);
      // Below the ports that the system gives to outgoing connections.
      ::setenv(kPort, std::to_string(20000 + ::getpid() % 11000).c_str(), 1);
    }
    port_ = ::getenv(kPort);
  }
  ~Server() {
    session_.reset();
    if (started_) FirstLine("stop '" + folder_ + "'");
    if (ours_) fs::remove_all(folder_);
  }

  const bool ours_;
  bool started_ = false;
  std::string folder_, port_;
  std::shared_ptr<CassandraSession> session_;
};

constexpr auto kOne = CassandraConsistency::kLocalOne;
constexpr const char* kTable = "rows";

Status AddColumns(World& world, const Schema& schema) {
  CassandraSession& session = Server::Get().session();
  std::string keyspace = World::NameOf(world.folder());
  auto table = TRY(session.Describe(keyspace, kTable, {}));
  for (const Column& column : schema.columns) {
    if (!table || table->Find(column.name) != nullptr) continue;
    const char* type = column.type.kind == TypeKind::kInteger ? " int" : " bigint";
    TRY(session.Execute("ALTER TABLE " + table->ToCql() + " ADD " + SqlName(column.name) + type,
                        kOne, {}));
  }
  return Status::Ok();
}

}  // namespace

std::string CassandraConfig(const std::string& table, const std::string& more) {
  return "{hosts: \"127.0.0.1:" + Server::Get().port() + "\", table: \"@WORLD@." + table + "\"" +
         more + "}";
}

std::unique_ptr<Storage> LakeBesideCassandra(const std::string& world_folder) {
  Server::Get().session();
  return OpenLocalStorage(world_folder + "/lake");
}

Status AddToCassandra(World& world, const std::string& rows) {
  Schema schema = TRY(world.session().Describe({rows})).schema;
  TRY(AddColumns(world, schema));
  std::string config = CassandraConfig(kTable, ", key: id, create_keyspace: {}");
  std::unique_ptr<Sink> sink = TRY(world.MakeSink("cassandra", config, "suite/add"));
  std::optional<Committed> last = TRY(sink->LastCommit("suite/add", {}));
  CommitId id{"suite/add", last ? last->sequence + 1 : 1};
  Time now = SystemClock().Now();
  TRY(sink->Open(schema, {.id = id, .now = now}, {}));
  TRY(sink->WriteFrom(world.session(), {rows}, {}));
  return sink->Commit({id, "", now}, {});
}

std::string ReadCassandra(World& world) {
  auto nothing = [](const Status& status) {
    bool missing = status.code() == Code::kNotFound;
    std::string id = missing ? "NULL" : SqlLiteral(status.ToString());
    return "SELECT " + id + " AS id, NULL AS v" + (missing ? " WHERE false" : "");
  };
  auto source = world.MakeSource("cassandra", CassandraConfig(kTable), "suite/seen");
  if (!source.ok()) return nothing(source.status());
  Result<Position> latest = (*source)->Latest({}, {});
  if (!latest.ok()) return nothing(latest.status());
  Status opened = (*source)->Open({.end = *latest}, {});
  if (!opened.ok()) return nothing(opened);
  auto rows = (*source)->NativeScan(world.session());
  if (!rows.ok()) return nothing(rows.status());
  auto kept = world.session().Materialize("suite_seen", **rows, {});
  if (!kept.ok()) return nothing(kept.status());
  (void)(*source)->Acknowledge(*latest);
  return "SELECT * FROM suite_seen";
}

void SpoilCassandra(World& world) {
  CassandraSession& session = Server::Get().session();
  std::string keyspace = World::NameOf(world.folder());
  (void)session.Execute("CREATE KEYSPACE " + keyspace +
                            " WITH replication = {'class': 'NetworkTopologyStrategy', "
                            "'replication_factor': 1}",
                        kOne, {});
  (void)session.Execute(
      "CREATE TABLE " + keyspace + "." + kTable + " (id bigint PRIMARY KEY, v counter)", kOne, {});
}

}  // namespace millrace::conformance
