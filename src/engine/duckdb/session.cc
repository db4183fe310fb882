#include "engine/duckdb/session.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "config/json.h"
#include "engine/duckdb/bound_rows.h"
#include "engine/duckdb/describe.h"
#include "engine/duckdb/parquet.h"
#include "engine/duckdb/syntax_tree.h"
#include "engine/duckdb/words.h"
#include "engine/row_by_row.h"

namespace millrace::duck {

namespace {

// Functions whose answer differs at each call and that FixTime does not shadow.
const std::set<std::string> kVolatile = {"random",
                                         "uuid",
                                         "uuidv4",
                                         "uuidv7",
                                         "gen_random_uuid",
                                         "setseed",
                                         "nextval",
                                         "currval",
                                         "txid_current",
                                         "current_query",
                                         "current_query_id",
                                         "current_transaction_id",
                                         "current_connection_id",
                                         "get_current_timestamp_ns",
                                         "pg_backend_pid",
                                         "version_time"};

constexpr const char* kNow = "millrace_now";  // a variable of the engine: see FixTime
// Tables, while a file is written.
constexpr const char *kRead = "millrace_read", *kInOrder = "millrace_in_order";

StatementNames NamesOf(StatementFacts facts) {
  StatementNames names{.tables = std::move(facts.tables)};
  for (const std::string& name : facts.functions) {
    if (kVolatile.contains(name)) names.volatile_calls.push_back(name);
  }
  if (facts.samples) names.volatile_calls.push_back("sample");
  return names;
}

std::string Casted(const std::vector<ResultColumn>& columns, const std::string& sql) {
  std::vector<std::string> names, items;
  for (size_t i = 0; i < columns.size(); ++i) {
    // Positions, not names: two columns of the statement may share one.
    std::string position = "c" + std::to_string(i);
    names.push_back(position);
    std::string value =
        columns[i].exact ? position : "CAST(" + position + " AS " + columns[i].type.ToSql() + ")";
    items.push_back(value + " AS " + SqlName(columns[i].name));
  }
  return "SELECT " + Join(items, ", ") + " FROM (" + sql + "\n) AS millrace_rows_(" +
         Join(names, ", ") + ")";
}

// A plan that is one line from bound rows up, of operators that look at one row alone.
bool IsChain(const std::string& plan) {
  Json node = Json::parse(plan, nullptr, /*allow_exceptions=*/false);
  while (true) {
    if (node.is_array() && node.size() == 1) node = Json(node.front());
    if (!node.is_object()) return false;
    std::string name(Trim(node.value("name", "")));
    if (ToLower(name) == BoundRows::kFunction) return true;
    if (name != "PROJECTION" && name != "FILTER") return false;
    node = Json(node.value("children", Json()));
  }
}

}  // namespace

std::string QuoteTable(std::string_view name) {
  size_t dot = name.find('.');
  if (dot == name.npos) return SqlName(name);
  return SqlName(name.substr(0, dot)) + "." + SqlName(name.substr(dot + 1));
}

DuckSession::DuckSession(std::shared_ptr<Instance> instance, std::string label,
                         std::string database)
    : instance_(std::move(instance)), label_(std::move(label)), database_(std::move(database)) {}

Result<std::unique_ptr<Session>> DuckSession::Open(std::shared_ptr<Instance> instance,
                                                   std::string label, SessionUse use) {
  std::string database = instance->NextName();
  std::unique_ptr<DuckSession> session(new DuckSession(instance, std::move(label), database));
  session->connection_ = TRY(instance->Connect("memory"));
  TRY(session->connection_->Run("ATTACH ':memory:' AS " + SqlName(database) + "; USE " +
                                SqlName(database)));
  if (use == SessionUse::kDescribe) TRY(session->connection_->Run("PRAGMA disable_optimizer"));
  return std::unique_ptr<Session>(std::move(session));
}

DuckSession::~DuckSession() {
  if (connection_ == nullptr) return;
  // Bound rows may come from a reader of this session: it ends before what it reads.
  for (const auto& [name, relation] : relations_) {
    if (relation.bound != 0) instance_->bound_rows().Remove(relation.bound);
  }
  spare_.reset();
  // A failure here leaves memory behind until the process ends, and nobody to tell.
  (void)connection_->Run("USE memory");
  (void)connection_->Run("DETACH DATABASE IF EXISTS " + SqlName(database_));
}

DuckSession::Known& DuckSession::KnownOf(const std::string& text) {
  constexpr size_t kMost = 64;
  if (known_.size() >= kMost) known_.clear();
  return known_[text];
}

Result<DuckSession::Statement> DuckSession::Check(const Sql& sql) {
  std::string text(TrimStatement(sql.text));
  Known& known = KnownOf(text);
  if (known.columns) return Statement{std::move(text), *known.columns};
  Prepared prepared = connection_->Prepare(text);
  if (prepared.error) {
    if (prepared.error->message.starts_with("Cannot prepare multiple")) {
      Status status = ReadStatement(*connection_, text).status();
      return status.ok() ? Invalid("more than one statement") : status;
    }
    return Explain(ToStatus(*prepared.error));
  }
  if (!prepared.is_select) {
    Status status = ReadStatement(*connection_, text).status();
    return status.ok() ? Invalid("only a SELECT can be run here") : status;
  }
  known.columns = prepared.columns;
  return Statement{std::move(text), std::move(prepared.columns)};
}

Result<std::string> DuckSession::InLakeTypes(const Sql& sql) {
  Statement statement = TRY(Check(sql));
  bool exact = std::all_of(statement.columns.begin(), statement.columns.end(),
                           [](const ResultColumn& column) { return column.exact; });
  return exact ? statement.text : Casted(statement.columns, statement.text);
}

Result<std::string> DuckSession::Claim(std::string_view name) {
  // DuckDB's own databases and schemas: a layer of this name would be ambiguous, or refused.
  static const std::set<std::string> kTaken = {"temp", "system", "memory", "information_schema",
                                               "pg_catalog"};
  std::string quoted = QuoteTable(name);
  size_t dot = name.find('.');
  if (dot != name.npos && kTaken.contains(ToLower(name.substr(0, dot)))) {
    return Invalid("the layer of " + std::string(name) + " has a name that the engine uses itself",
                   "choose another one");
  }
  TRY(Drop(name));
  known_.clear();
  if (dot != name.npos && layers_.insert(ToLower(name.substr(0, dot))).second) {
    TRY(connection_->Run("CREATE SCHEMA IF NOT EXISTS " + SqlName(name.substr(0, dot))));
  }
  return quoted;
}

Status DuckSession::Explain(const Status& status, const Sql& sql) {
  if (status.code() != Code::kInvalid) return Explain(status);
  // Seen alone, what is wrong with the statement is said better than inside the one it was put
  // into.
  Result<Statement> alone = Check(sql);
  return alone.ok() ? Explain(status) : alone.status();
}

Status DuckSession::Explain(const Status& status) {
  for (const auto& [name, relation] : relations_) {
    if (relation.bound == 0) continue;
    Status failure = instance_->bound_rows().Failure(relation.bound);
    if (!failure.ok()) return failure;
  }
  return status;
}

Status DuckSession::Bind(std::string_view name, std::unique_ptr<RowReader> rows,
                         std::stop_token stop) {
  int64_t id = TRY(instance_->bound_rows().Add(std::move(rows), stop));
  auto there = relations_.find(ToLower(name));
  if (there != relations_.end() && instance_->bound_rows().Renew(there->second.bound, id))
    return Status::Ok();
  std::string quoted = TRY(Claim(name));
  relations_[ToLower(name)] = {Kind::kView, id};
  TRY(connection_->Run("CREATE VIEW " + quoted + " AS SELECT * FROM " + BoundRows::kFunction +
                       "(" + std::to_string(id) + ")"));
  return Status::Ok();
}

Status DuckSession::Define(std::string_view name, const Sql& sql) {
  std::string quoted = TRY(Claim(name));
  std::string text(TrimStatement(sql.text));
  Result<int64_t> made = connection_->RunOne("CREATE VIEW " + quoted + " AS " + text);
  if (!made.ok()) return Explain(made.status(), sql);
  relations_[ToLower(name)] = {Kind::kView};
  return Status::Ok();
}

Status DuckSession::DefineEmpty(std::string_view name, const Schema& schema) {
  std::vector<std::string> columns;
  for (const Column& column : schema.columns) {
    columns.push_back(SqlName(column.name) + " " + column.type.ToSql() +
                      (column.nullable ? "" : " NOT NULL"));
  }
  if (columns.empty()) return Invalid("a table without columns: " + std::string(name));
  std::string quoted = TRY(Claim(name));
  TRY(connection_->Run("CREATE TABLE " + quoted + " (" + Join(columns, ", ") + ")"));
  relations_[ToLower(name)] = {Kind::kTable};
  return Status::Ok();
}

Result<int64_t> DuckSession::Materialize(std::string_view name, const Sql& sql,
                                         std::stop_token stop) {
  std::string quoted = TRY(Claim(name));
  std::string text(TrimStatement(sql.text));
  Result<int64_t> rows = connection_->RunOne("CREATE TABLE " + quoted + " AS " + text, stop);
  if (!rows.ok()) return Explain(rows.status(), sql);
  relations_[ToLower(name)] = {Kind::kTable};
  return rows;
}

Status DuckSession::Drop(std::string_view name) {
  auto found = relations_.find(ToLower(name));
  if (found == relations_.end()) return Status::Ok();
  std::string kind = found->second.kind == Kind::kView ? "VIEW" : "TABLE";
  if (found->second.bound != 0) instance_->bound_rows().Remove(found->second.bound);
  relations_.erase(found);
  known_.clear();
  TRY(connection_->Run("DROP " + kind + " IF EXISTS " + QuoteTable(name)));
  return Status::Ok();
}

Result<Description> DuckSession::Describe(const Sql& sql) {
  std::string text(TrimStatement(sql.text));
  if (auto known = known_.find(text); known != known_.end() && known->second.description)
    return *known->second.description;
  std::set<std::string> names;
  for (const auto& [name, relation] : relations_) names.insert(name);
  Description description = TRY(DescribeStatement(*connection_, text, names));
  if (description.ok()) KnownOf(text).description = description;
  return description;
}

std::vector<Result<StatementNames>> DuckSession::NamesInEach(const std::vector<Sql>& statements) {
  std::vector<std::string> texts;
  for (const Sql& sql : statements) texts.push_back(sql.text);
  std::vector<Result<StatementNames>> all;
  for (Result<StatementFacts>& facts : ReadStatements(*connection_, texts)) {
    all.push_back(facts.ok() ? NamesOf(*std::move(facts)) : Result<StatementNames>(facts.status()));
  }
  return all;
}

Result<bool> DuckSession::IsRowByRow(const Sql& sql) {
  std::string text(TrimStatement(sql.text));
  if (auto known = known_.find(text); known != known_.end() && known->second.row_by_row)
    return *known->second.row_by_row;
  bool is = TRY(FindRowByRow(text));
  KnownOf(text).row_by_row = is;
  return is;
}

Result<bool> DuckSession::FindRowByRow(const std::string& text) {
  Result<StatementNames> names = NamesIn({text});
  if (!names.ok() || !names->volatile_calls.empty()) return false;
  Result<std::vector<TextRow>> plan = connection_->Texts("EXPLAIN (FORMAT json) " + text);
  if (!plan.ok()) return Explain(plan.status(), {text});
  return !plan->empty() && plan->front().size() == 2 && IsChain(plan->front()[1].value_or(""));
}

std::unique_ptr<RowReader> DuckSession::Unchanged(std::string_view text) {
  for (const auto& [name, relation] : relations_) {
    if (relation.bound != 0 && ToLower(text) == ToLower("SELECT * FROM " + SqlName(name)))
      return instance_->bound_rows().Unchanged(relation.bound);
  }
  return nullptr;
}

// The session stays usable while rows are read by it.
Result<std::unique_ptr<Connection>> DuckSession::OwnConnection() {
  std::unique_ptr<Connection> connection = std::move(*spare_);
  if (connection == nullptr) connection = TRY(instance_->Connect(database_));
  if (!fix_.empty()) TRY(connection->Run(fix_));
  return connection;
}

Result<std::unique_ptr<RowReader>> DuckSession::Query(const Sql& sql, std::stop_token stop) {
  std::string text = TRY(InLakeTypes(sql));
  if (std::unique_ptr<RowReader> unchanged = Unchanged(text)) return unchanged;
  std::unique_ptr<Connection> connection = TRY(OwnConnection());
  std::weak_ptr<std::unique_ptr<Connection>> spare = spare_;
  auto give_back = [spare](std::unique_ptr<Connection> ended) {
    if (auto there = spare.lock()) *there = std::move(ended);
  };
  Result<std::unique_ptr<RowReader>> reader =
      Connection::Stream(std::move(connection), text, give_back, stop);
  if (!reader.ok()) return Explain(reader.status());
  return reader;
}

Result<std::vector<TextRow>> DuckSession::Collect(const Sql& sql, std::stop_token stop) {
  std::string text(TrimStatement(sql.text));
  Result<std::vector<TextRow>> rows = connection_->Texts(
      "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + text + "\n) AS millrace_rows_", stop);
  if (!rows.ok()) return Explain(rows.status(), sql);
  return rows;
}

Result<std::vector<ParquetFile>> DuckSession::WriteParquet(const Sql& sql,
                                                           const ParquetOptions& options,
                                                           std::stop_token stop) {
  std::string text = TRY(InLakeTypes(sql));
  if (instance_->in_order() && options.partition_by.empty())
    return WriteInOrder(text, options, std::move(stop));
  bool binds = std::ranges::any_of(
      relations_, [](const auto& relation) { return relation.second.bound != 0; });
  bool keep_order = !binds || !TRY(IsRowByRow({text}));
  Result<std::vector<WrittenFile>> written =
      connection_->Copy(CopyToParquet(text, options, keep_order), stop);
  if (!written.ok()) return Explain(written.status());
  std::vector<ParquetFile> files;
  for (WrittenFile& file : *written) files.push_back(ToParquetFile(std::move(file), options));
  return files;
}

// Row groups would end where a thread's share of the rows did: the same rows in a table of our own
// give the same file.
Status DuckSession::Gather(const std::string& text, std::stop_token stop) {
  std::unique_ptr<Connection> stream = TRY(OwnConnection());
  return connection_->Fill(kInOrder, *stream, text, std::move(stop));
}

Result<std::vector<ParquetFile>> DuckSession::WriteInOrder(const std::string& text,
                                                           const ParquetOptions& options,
                                                           std::stop_token stop) {
  // Read by the session's own connection, which keeps what a scan refused.
  Result<int64_t> rows =
      connection_->RunOne("CREATE OR REPLACE TABLE " + std::string(kRead) + " AS " + text, stop);
  Status gathered = rows.status();
  Result<std::vector<WrittenFile>> written = std::vector<WrittenFile>();
  if (rows.ok() && *rows > 0) {
    gathered = Gather("FROM " + std::string(kRead), stop);
    std::error_code failed;  // the copy tells
    std::filesystem::create_directories(options.folder, failed);
    if (gathered.ok())
      written = connection_->Copy(CopyToOneParquet("FROM " + std::string(kInOrder), options), stop);
  }
  TRY(connection_->Run("DROP TABLE IF EXISTS " + std::string(kRead)));
  TRY(connection_->Run("DROP TABLE IF EXISTS " + std::string(kInOrder)));
  if (!gathered.ok()) return Explain(gathered);
  if (!written.ok()) return Explain(written.status());
  std::vector<ParquetFile> files;
  for (WrittenFile& file : *written) files.push_back(ToParquetFile(std::move(file), options));
  return files;
}

Result<int64_t> DuckSession::WriteFile(const Sql& sql, const std::string& path,
                                       std::string_view format,
                                       const std::map<std::string, std::string>& options,
                                       std::stop_token stop) {
  std::string text = TRY(Check(sql)).text;
  if (format != "parquet") {
    Result<int64_t> rows =
        connection_->Run(TRY(CopyToFile(text, path, format, options)), stop);
    return rows.ok() ? rows : Result<int64_t>(Explain(rows.status()));
  }
  Status gathered = Gather(text, stop);
  Result<int64_t> rows = gathered;
  if (gathered.ok()) {
    std::string copy = TRY(CopyToFile("FROM " + std::string(kInOrder), path, format, options));
    rows = connection_->Run(copy, stop);
  }
  TRY(connection_->Run("DROP TABLE IF EXISTS " + std::string(kInOrder)));
  return rows.ok() ? rows : Result<int64_t>(Explain(rows.status()));
}

Result<Sql> DuckSession::ForeignDelta(const std::string& uri, int64_t version) {
  TRY(instance_->LoadDelta());
  return Sql{"SELECT * FROM delta_scan(" + SqlLiteral(uri) +
             ", version := " + std::to_string(version) + ")"};
}

Status DuckSession::FixTime(Time now, uint64_t seed) {
  known_.clear();  // what a statement reads by itself, a file, may have become another
  if (fix_.empty()) TRY(FixFunctions());
  double fraction = static_cast<double>(seed % 2000001) / 1000000.0 - 1;  // setseed takes -1 to 1
  fix_ = "SET VARIABLE " + std::string(kNow) + " = TIMESTAMPTZ '" + FormatTime(now) +
         "'; SELECT setseed(" + std::to_string(fraction) + ")";
  return connection_->Run(fix_).status();
}

// The engine takes the variable for a constant where it binds a statement.
Status DuckSession::FixFunctions() {
  const std::string stamp = "getvariable('" + std::string(kNow) + "')";
  const std::string local = stamp + "::TIMESTAMP", date = local + "::DATE", time = local + "::TIME";
  const std::vector<std::pair<const char*, std::string>> macros = {
      {"now()", stamp},
      {"get_current_timestamp()", stamp},
      {"current_timestamp()", stamp},
      {"transaction_timestamp()", stamp},
      {"current_localtimestamp()", local},
      {"localtimestamp()", local},
      {"current_date()", date},
      {"today()", date},
      {"current_localtime()", time},
      {"localtime()", time},
      {"get_current_time()", "CAST(" + time + " AS TIMETZ)"},
      {"current_time()", "CAST(" + time + " AS TIMETZ)"}};
  std::string sql;
  for (const auto& [call, value] : macros)
    sql += "CREATE MACRO " + std::string(call) + " AS " + value + ";";
  sql += "CREATE MACRO age(since) AS system.main.age(" + date +
         "::TIMESTAMP, since::TIMESTAMP), "
         "(until, since) AS system.main.age(until, since);";
  return connection_->Run(sql).status();
}

double DuckSession::Progress() const { return connection_->Progress(); }

}  // namespace millrace::duck

namespace millrace {

Result<bool> IsRowByRow(Session& session, const Sql& sql) {
  auto* duck = dynamic_cast<duck::DuckSession*>(&session);
  return duck != nullptr ? duck->IsRowByRow(sql) : false;
}

}  // namespace millrace
