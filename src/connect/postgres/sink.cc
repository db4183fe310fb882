#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/text.h"
#include "connect/postgres/config.h"
#include "connect/postgres/copy_writer.h"
#include "connect/postgres/stage.h"
#include "connect/postgres/target_table.h"
#include "lake/contract_rows.h"

namespace millrace::postgres {

namespace {

// Rows are copied into an open transaction, which Commit ends together with the commit's id:
// nothing is durable before. A connection that is lost takes all of it along.
class PostgresSink final : public Sink {
 public:
  PostgresSink(const SinkConfig& config, const std::string& task)
      : config_(config), name_(ParseName(config.table)), options_(OptionsOf(config, task)) {}

  Status Probe(std::stop_token stop) override {
    TRY(Connect(stop));
    TargetTable table = TRY(LookAt(*connection_, name_, config_.commit_table, "", stop));
    std::string name = SqlLiteral(table.name.Quoted()), schema = SqlLiteral(table.name.schema);
    std::string asks = "SELECT has_database_privilege(current_database(), 'CREATE')";
    if (table.schema_exists) asks = "SELECT has_schema_privilege(" + schema + ", 'CREATE')";
    if (table.exists) asks = "SELECT has_table_privilege(" + name + ", 'INSERT')";
    if (TRY(connection_->Run(asks, stop)).Bool(0, 0)) return Status::Ok();
    return Invalid(connection_->place() + ": " + connection_->user() + " may not " +
                       (table.exists ? "write to " : "make ") + table.name.Quoted(),
                   table.exists ? "GRANT SELECT, INSERT, UPDATE, DELETE on it"
                                : "GRANT CREATE on its schema, or make the table");
  }

  Result<std::optional<Committed>> LastCommit(std::string_view task,
                                              std::stop_token stop) override {
    TRY(Connect(stop));
    TargetTable table = TRY(LookAt(*connection_, name_, config_.commit_table, "", stop));
    // A table that was removed has nothing of any task.
    if (!table.exists || !table.has_commits) return std::optional<Committed>();
    pg::Answer answer = TRY(connection_->Run(
        "SELECT sequence, position FROM " + CommitTable(table) + " WHERE task = $1 AND target = $2",
        pg::Values{std::string(task), table.name.table}, stop));
    if (answer.rows() == 0) return std::optional<Committed>();
    return std::optional<Committed>({answer.Number(0, 0), answer.Text(0, 1)});
  }

  Status Open(const Schema& schema, const WriteIntent& intent, std::stop_token stop) override {
    schema_ = schema;
    intent_ = intent;
    open_ = true;
    copy_.clear();  // it went with its session
    if (written_) TRY(RollBack(stop));
    return Status::Ok();
  }

  Status Write(const Rows&, std::stop_token) override {
    return Internal("rows for PostgreSQL are fitted to their table by the engine, in WriteFrom");
  }

  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    if (!open_) return Internal("WriteFrom before Open");
    Result<WriteCount> count = WriteAll(session, rows, stop);
    if (!count.ok() && connection_ && !connection_->broken()) (void)RollBack(stop).ok();
    return count;
  }

  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    if (!written_) {  // a sink made only to see a commit through that the table has already
      std::optional<Committed> last = TRY(LastCommit(commit.id.task, stop));
      if (last && last->sequence >= commit.id.sequence) return Status::Ok();
      return Internal("Commit before WriteFrom");
    }
    if (!copy_.empty()) (void)session_->Drop(copy_);
    copy_.clear();
    written_ = false;
    TRY(Failpoint("postgres.commit.before"));
    // Who has the id already, or waits for somebody who is about to, gets no row here.
    pg::Answer taken = TRY(connection_->Run(
        "INSERT INTO " + CommitTable(table_) +
            " AS c (task, target, sequence, position, committed_at) VALUES ($1, $2, $3, $4, now()) "
            "ON CONFLICT (task, target) DO UPDATE SET sequence = excluded.sequence, "
            "position = excluded.position, committed_at = excluded.committed_at "
            "WHERE c.sequence < excluded.sequence RETURNING 1",
        pg::Values{commit.id.task, table_.name.table, std::to_string(commit.id.sequence),
                   commit.position},
        stop));
    if (taken.rows() == 0) return RollBack(stop);
    TRY(Failpoint("postgres.commit.inside"));
    Result<pg::Answer> done = connection_->Run("COMMIT", stop);
    if (!done.ok()) return done.status().In("whether the commit took place is not known yet");
    return Failpoint("postgres.commit.after");
  }

  std::string Target() const override { return config_.table; }

 private:
  Mode mode() const {
    return intent_.refresh ? Mode::kReplace : config_.mode.value_or(Mode::kAppend);
  }
  bool Merges() const { return config_.mode == Mode::kMerge; }
  std::string CommitTable(const TargetTable& table) const {
    return TableName{table.name.schema, config_.commit_table}.Quoted();
  }

  Status Connect(std::stop_token stop) {
    if (connection_ && !connection_->broken()) return Status::Ok();
    written_ = false;
    connection_ = TRY(pg::Connection::Open(options_, stop));
    return Status::Ok();
  }

  Status RollBack(std::stop_token stop) {
    written_ = false;
    if (!connection_ || connection_->broken()) return Status::Ok();
    return connection_->in_transaction() ? connection_->Run("ROLLBACK", stop).status()
                                         : Status::Ok();
  }

  // A connection that was idle may be gone by now: then another one, once.
  Status Begin(std::stop_token stop) {
    bool had = connection_ && !connection_->broken();
    TRY(Connect(stop));
    TRY(RollBack(stop));
    auto look = [&] { return LookAt(*connection_, name_, config_.commit_table, "BEGIN; ", stop); };
    Result<TargetTable> table = look();
    if (!table.ok() && had && connection_->broken() && !stop.stop_requested()) {
      TRY(Connect(stop));
      table = look();
    }
    written_ = true;
    if (table.ok() && !table->has_commits) {
      TRY(RollBack(stop));
      TRY(MakeCommitTable(*table, stop));
      written_ = true;
      table = look();
    }
    table_ = TRY(std::move(table));
    return Status::Ok();
  }

  // The rows as the table wants them, and what the stage has beside.
  Result<WriteCount> WriteAll(Session& session, const Sql& rows, std::stop_token stop) {
    TRY(Begin(stop));
    TRY(ShapeRows());
    plan_ =
        TRY(PlanWrite({.table = table_,
                       .rows = shape_,
                       .contract = config_.contract,
                       .mode = Merges() ? Mode::kMerge : mode(),
                       .key = config_.key,
                       .nulls = !config_.delete_when.empty() || !config_.truncate_when.empty()}));
    if (mode() == Mode::kReplace && table_.exists)
      TRY(connection_->Run("DELETE FROM " + table_.name.Quoted(), stop));
    TRY(ChangeTable(stop));
    TRY(RemoveReplacedFiles(stop));
    session_ = &session;
    std::string copy = "millrace_postgres_" + NewUuid().substr(0, 8);
    ContractRows taken =
        TRY(ApplyContract(session, plan_.fit, table_.name.table, copy, rows, stop));
    if (taken.copied) copy_ = copy;
    WriteCount count{.discarded = taken.discarded, .rows_discarded = taken.rows_discarded};
    std::vector<std::string> extras = Extras();
    StageTable stage(table_, plan_, config_.key, extras);
    bool direct = Direct();
    if (!direct) TRY(connection_->Run(stage.Create(), stop));
    Sql fitted = rows;
    if (taken.copied || !extras.empty() || !AreTheTables(schema_.columns))
      fitted = {"SELECT " + Projection(extras) + " FROM " + taken.relation + " AS r" + taken.where};
    TRY(Copy(session, fitted, direct ? table_.name.Quoted() : stage.name(), stage.ColumnList(),
             extras, count, stop));
    if (!direct) TRY(Apply(stage, stop));
    TRY(Failpoint("postgres.write.after"));
    return count;
  }

  // What the rows' columns that begin with '_' tell of changes is no part of the table, unless it
  // has such columns.
  Status ShapeRows() {
    shape_ = schema_;
    unchanged_ = false;
    if (config_.delete_when.empty()) return Status::Ok();
    std::erase_if(shape_.columns, [&](const Column& column) {
      return column.name.starts_with('_') && !table_.Find(column.name);
    });
    const Column* unchanged = schema_.Find("_unchanged");
    unchanged_ = unchanged && unchanged->type.kind == TypeKind::kList;
    if (!shape_.columns.empty()) return Status::Ok();
    return Invalid("the rows for " + config_.table + " have only columns that begin with '_'");
  }

  // Straight into the table, with no look at the rows that are there.
  bool Direct() const {
    bool by_key = Merges() || mode() == Mode::kDeleteInsert;
    bool as_text =
        std::ranges::any_of(plan_.columns, [](const auto& column) { return column.type.as_text; });
    return !by_key && !as_text;
  }

  std::vector<std::string> Extras() const {
    if (!Merges()) return {};
    std::vector<std::string> extras;
    if (!config_.delete_when.empty()) extras.push_back(kDelete);
    if (!config_.truncate_when.empty()) extras.push_back(kTruncate);
    if (unchanged_) extras.push_back(kUnchanged);
    extras.push_back(kRowNumber);
    return extras;
  }

  // Each of the rows' columns goes as it is, in the same order: nothing has to be computed.
  bool AreTheTables(const std::vector<Column>& columns) const {
    auto as_it_is = [](const Column& column) { return "r." + SqlName(column.name); };
    return std::ranges::equal(columns, plan_.columns, {}, as_it_is, &WrittenColumn::expression);
  }

  std::string Projection(const std::vector<std::string>& extras) const {
    std::vector<std::string> list;
    for (const WrittenColumn& column : plan_.columns)
      list.push_back(column.expression + " AS " + SqlName(column.name));
    for (const std::string& extra : extras) {
      const std::string& condition = extra == kDelete ? config_.delete_when : config_.truncate_when;
      if (extra == kUnchanged)
        list.push_back("r._unchanged AS " + extra);
      else if (extra != kRowNumber)
        list.push_back("coalesce((" + condition + "\n), false) AS " + extra);
    }
    return Join(list, ", ");
  }

  // Two tasks that make the same table wait for each other: the catalog would make one of them
  // fail.
  Status ChangeTable(std::stop_token stop) {
    if (plan_.statements.empty()) return Status::Ok();
    if (!table_.exists) {
      TRY(Lock(table_.name.Quoted(), stop));
      TargetTable now = TRY(LookAt(*connection_, name_, config_.commit_table, "", stop));
      if (now.exists)
        return {Code::kConflict, "somebody else made " + table_.name.Quoted() + " just now"};
    }
    for (const std::string& statement : plan_.statements) TRY(connection_->Run(statement, stop));
    return Status::Ok();
  }

  Status Lock(const std::string& what, std::stop_token stop) {
    std::string key = "hashtextextended(" + SqlLiteral("millrace " + what) + ", 0)";
    return connection_->Run("SELECT pg_advisory_xact_lock(" + key + ")", stop).status();
  }

  // In a transaction of its own: another target of the same task would wait for this one's.
  Status MakeCommitTable(const TargetTable& table, std::stop_token stop) {
    std::string schema = "CREATE SCHEMA IF NOT EXISTS " + SqlName(table.name.schema);
    TRY(connection_->Run("BEGIN", stop));
    TRY(Lock(table.name.schema, stop));
    if (!table.schema_exists) TRY(connection_->Run(schema, stop));
    Result<pg::Answer> made = connection_->Run(
        "CREATE TABLE IF NOT EXISTS " + CommitTable(table) +
            " (task text NOT NULL, target text NOT NULL, sequence bigint NOT NULL, "
            "position text NOT NULL, committed_at timestamptz NOT NULL, "
            "PRIMARY KEY (task, target)) WITH (fillfactor = 50); COMMIT",
        stop);
    if (made.ok()) return Status::Ok();
    return made.status().In("the last commit of each task is kept in a table");
  }

  Status RemoveReplacedFiles(std::stop_token stop) {
    if (intent_.replaced_files.empty() || !table_.Find("_source_file")) return Status::Ok();
    std::vector<std::string> files;
    for (const std::string& file : intent_.replaced_files) files.push_back(SqlLiteral(file));
    return connection_
        ->Run("DELETE FROM " + table_.name.Quoted() + " WHERE _source_file IN (" +
                  Join(files, ", ") + ")",
              stop)
        .status();
  }

  Status Copy(Session& session, const Sql& rows, const std::string& into,
              const std::string& columns, const std::vector<std::string>& extras, WriteCount& count,
              std::stop_token stop) {
    std::vector<std::string> names;
    std::vector<PgType> types;
    for (const WrittenColumn& column : plan_.columns) {
      names.push_back(column.name);
      types.push_back(column.type);
    }
    bool numbered = !extras.empty();
    for (const std::string& extra : extras) {
      if (extra == kRowNumber) continue;
      names.push_back(extra);
      Type text{.kind = TypeKind::kVarchar};
      types.push_back(extra == kUnchanged ? TypeOfColumnFor({.kind = TypeKind::kList,
                                                             .children = {{"element", text}}})
                                          : TypeOfColumnFor({.kind = TypeKind::kBoolean}));
    }
    std::unique_ptr<RowReader> reader = TRY(session.Query(rows, stop));
    TRY(connection_->BeginCopyIn("COPY " + into + " (" + columns + ") FROM STDIN (FORMAT binary)",
                                 stop));
    CopyWriter writer(std::move(names), std::move(types), numbered);
    CopyWriter::Send send = [&](std::string_view bytes) { return connection_->Send(bytes, stop); };
    Status copied = CopyRows(*reader, writer, send, stop);
    if (!copied.ok()) {
      // The COPY cannot be ended well any more: the server rolls back when it is hung up on.
      connection_.reset();
      return copied;
    }
    count.rows = TRY(connection_->EndCopyIn(stop));
    count.bytes = writer.bytes();
    return Status::Ok();
  }

  static Status CopyRows(RowReader& reader, CopyWriter& writer, const CopyWriter::Send& send,
                         std::stop_token stop) {
    while (std::optional<Rows> batch = TRY(reader.Next(stop))) TRY(writer.Write(*batch, send));
    return writer.End(send);
  }

  Status Apply(const StageTable& stage, std::stop_token stop) {
    std::vector<std::string> statements;
    if (Merges()) {
      pg::Answer nulls = TRY(connection_->Run(stage.CountNullKeys(), stop));
      if (nulls.Number(0, 0) > 0) {
        return {Code::kRejected,
                nulls.Text(0, 0) + " rows for " + config_.table + " have a null in the key (" +
                    Join(config_.key, ", ") + ")",
                "add the check not_null, or filter them in the SQL"};
      }
      bool some = TRY(connection_->Run(stage.CountUnchanged(), stop)).Number(0, 0) > 0;
      statements = stage.Merge(some);
    } else {
      statements = mode() == Mode::kDeleteInsert ? stage.DeleteInsert() : stage.Append();
    }
    for (const std::string& statement : statements) TRY(connection_->Run(statement, stop));
    return Status::Ok();
  }

  const SinkConfig config_;
  const TableName name_;
  const pg::Options options_;
  std::unique_ptr<pg::Connection> connection_;

  Schema schema_, shape_;  // of the rows; without what only tells of changes
  WriteIntent intent_;
  bool open_ = false, written_ = false;  // written: a transaction is open
  bool unchanged_ = false;
  TargetTable table_;
  WritePlan plan_;
  Session* session_ = nullptr;
  std::string copy_;  // a relation of the session, to be dropped
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  return std::unique_ptr<Sink>(std::make_unique<PostgresSink>(config, context.task));
}

}  // namespace millrace::postgres
