#include "conformance/postgres_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/text.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "MILLRACE_CONFORMANCE_POSTGRES",
               kPort[] = "MILLRACE_CONFORMANCE_POSTGRES_PORT";

std::string FreePort() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool ok = ::bind(probe, any, length) == 0 && ::getsockname(probe, any, &length) == 0;
  ::close(probe);
  return ok ? std::to_string(::ntohs(address.sin_port)) : "";
}

// What the command printed; an error where it failed.
Result<std::string> Output(const std::string& command) {
  std::string text;
  FILE* out = ::popen((command + " 2>&1").c_str(), "r");
  if (!out) return Internal("cannot run " + command);
  char bytes[4096];
  while (size_t got = std::fread(bytes, 1, sizeof bytes, out)) text.append(bytes, got);
  if (int code = ::pclose(out); code != 0) return Invalid(text);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// Whoever is first decides where it will be; its children read that in their environment.
class Server {
 public:
  static Server& Get() {
    static Server server;
    return server;
  }

  const std::string& port() const { return port_; }
  void Start() {
    if (ours_ && !started_) {
      auto started = Script("start '" + folder_ + "' --port " + port_);
      if (!started.ok()) std::fprintf(stderr, "%s\n", started.status().ToString().c_str());
    }
    started_ = true;
  }
  Result<std::string> Psql(const std::string& sql) {
    std::string file = folder_ + "-" + std::to_string(::getpid()) + ".sql";
    std::ofstream(file) << sql;
    auto answer = Output("psql -X -qAt -v ON_ERROR_STOP=1 -h '" + folder_ + "' -p " + port_ +
                         " -U test -d test -f '" + file + "'");
    fs::remove(file);
    return answer;
  }

 private:
  Server() : ours_(::getenv(kFolder) == nullptr) {
    if (ours_) {
      std::string path =
          fs::temp_directory_path() / ("conformance_postgres_" + std::to_string(::getpid()));
      ::setenv(kFolder, path.c_str(), 1);
      ::setenv(kPort, FreePort().c_str(), 1);
    }
    folder_ = ::getenv(kFolder);
    port_ = ::getenv(kPort);
  }
  ~Server() {
    if (!ours_ || !started_) return;
    (void)Script("stop '" + folder_ + "'").ok();
    fs::remove_all(folder_);
  }
  static Result<std::string> Script(const std::string& words) {
    return Output(MILLRACE_SOURCE_FOLDER "/tests/services/postgres.py " + words);
  }

  const bool ours_;
  bool started_ = false;
  std::string folder_, port_;
};

std::string Schema(World& world) { return SqlName(World::NameOf(world.folder())); }

std::string PgType(const Type& type) {
  switch (type.kind) {
    case TypeKind::kVarchar: return "text";
    case TypeKind::kInteger: return "integer";
    default: return "bigint";
  }
}

// How a column of the suite's rows comes back out of text.
std::string FromText(const std::string& column) {
  static const std::map<std::string, std::string> kTypes = {
      {"id", "BIGINT"},     {"twice", "BIGINT"},    {"b", "BOOLEAN"}, {"t", "TINYINT"},
      {"s", "SMALLINT"},    {"i", "INTEGER"},       {"l", "BIGINT"},  {"f", "FLOAT"},
      {"d", "DOUBLE"},      {"n", "DECIMAL(18,2)"}, {"day", "DATE"},  {"ts", "TIMESTAMP"},
      {"tz", "TIMESTAMPTZ"}};
  static const std::map<std::string, std::string> kNested = {
      {"li", "INTEGER[]"}, {"st", "STRUCT(a INTEGER, b VARCHAR)"}, {"mp", "MAP(VARCHAR, DOUBLE)"}};
  std::string name = SqlName(column);
  if (auto found = kTypes.find(column); found != kTypes.end())
    return "CAST(" + name + " AS " + found->second + ") AS " + name;
  if (auto found = kNested.find(column); found != kNested.end())
    return "CAST(CAST(" + name + " AS JSON) AS " + found->second + ") AS " + name;
  return column == "x" ? "unhex(x) AS x" : name;
}

}  // namespace

std::string PostgresFields() {
  return "host: 127.0.0.1, port: " + Server::Get().port() +
         ", user: test, password: test-secret-password, database: test";
}

std::unique_ptr<Storage> LakeBesidePostgres(const std::string& world_folder) {
  Server::Get().Start();
  auto made =
      Server::Get().Psql("CREATE SCHEMA IF NOT EXISTS " + SqlName(World::NameOf(world_folder)));
  if (!made.ok())
    std::fprintf(stderr, "the suite's schema: %s\n", made.status().ToString().c_str());
  return OpenLocalStorage(world_folder + "/lake");
}

Status InsertIntoPostgres(World& world, const std::string& rows) {
  std::string file = world.Path("incoming.csv"), table = Schema(world) + ".rows", names;
  TRY(world.session().WriteFile({rows}, file, "csv", {{"nullstr", "\\N"}}, {}));
  std::string sql = "CREATE TABLE IF NOT EXISTS " + table + " ();\n";
  for (const Column& column : TRY(world.session().Describe({rows})).schema.columns) {
    sql += "ALTER TABLE " + table + " ADD COLUMN IF NOT EXISTS " + SqlName(column.name) + " " +
           PgType(column.type) + ";\n";
    names += (names.empty() ? "" : ", ") + SqlName(column.name);
  }
  sql +=
      "\\copy " + table + " (" + names + ") from '" + file + "' (format csv, header, null '\\N')\n";
  Status done = Server::Get().Psql(sql).status();
  fs::remove(file);
  return done;
}

std::string ReadFromPostgres(World& world) {
  auto columns = Server::Get().Psql(
      "SELECT attname || '|' || atttypid::regtype FROM pg_attribute WHERE attrelid = to_regclass(" +
      SqlLiteral(Schema(world) + ".rows") +
      ") AND attnum > 0 AND NOT attisdropped ORDER BY attnum");
  if (!columns.ok())
    return "SELECT " + SqlLiteral(columns.status().ToString()) + " AS id, NULL AS v";
  if (columns->empty()) return "SELECT NULL AS id, NULL AS v WHERE false";
  std::vector<std::string> ours, theirs;
  for (const std::string& line : Split(*columns, '\n')) {
    std::string name = Split(line, '|')[0], type = Split(line, '|')[1], quoted = SqlName(name);
    ours.push_back(FromText(name));
    if (type.ends_with("[]")) quoted = "to_jsonb(" + quoted + ") AS " + quoted;
    if (type == "bytea") quoted = "encode(" + quoted + ", 'hex') AS " + quoted;
    theirs.push_back(quoted);
  }
  std::string file = world.Path("incoming-read.csv");
  auto read = Server::Get().Psql("SET timezone = 'UTC';\n\\copy (SELECT " + Join(theirs, ", ") +
                                 " FROM " + Schema(world) + ".rows) to '" + file +
                                 "' (format csv, header, null '\\N')\n");
  if (!read.ok()) return "SELECT " + SqlLiteral(read.status().ToString()) + " AS id, NULL AS v";
  return "SELECT " + Join(ours, ", ") + " FROM read_csv(" + SqlLiteral(file) +
         ", header := true, all_varchar := true, nullstr := '\\N', quote := '\"', escape := '\"', "
         "delim := ',')";
}

void SpoilPostgres(World& world) {
  auto made = Server::Get().Psql("CREATE VIEW " + Schema(world) + ".rows AS SELECT 1 AS other");
  if (!made.ok()) std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
}

}  // namespace millrace::conformance
