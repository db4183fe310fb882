#include <algorithm>
#include <set>

#include "base/failpoint.h"
#include "base/text.h"
#include "connect/cassandra/commits.h"
#include "connect/cassandra/misfit_rows.h"
#include "connect/cassandra/statements.h"

namespace millrace::cassandra {

namespace {

// Rows are put in by their key and seen at once; the commit is a row of millrace_commits, written
// when all of them are acknowledged. A row's timestamp is the interval's fixed time and its number:
// a replay writes each row as it was, a later row or interval is stronger.
class CassandraSink final : public Sink {
 public:
  CassandraSink(const SinkConfig& config, TableName name, ConnectContext& context)
      : config_(config),
        name_(std::move(name)),
        context_(context),
        commits_(config_, name_, context.task) {}

  Status Probe(std::stop_token stop) override {
    CassandraSession& session = *TRY(Connect(stop));
    if (!TRY(session.HasKeyspace(name_.keyspace, stop))) {
      return config_.create_keyspace ? Status::Ok() : NoKeyspace();
    }
    bool there = TRY(session.Describe(name_.keyspace, name_.table, stop)).has_value();
    return there || config_.create_table ? Status::Ok() : NoTable();
  }

  Result<std::optional<Committed>> LastCommit(std::string_view task,
                                              std::stop_token stop) override {
    CassandraSession& session = *TRY(Connect(stop));
    std::optional<CommitRow> last =
        TRY(Commits(config_, name_, std::string(task)).Last(session, stop));
    if (!last) return std::optional<Committed>();
    // Rows that went with their table are not there any more, whatever was committed.
    auto table = TRY(session.Describe(name_.keyspace, name_.table, stop));
    if (!table || table->id != last->table_id) return std::optional<Committed>();
    return std::optional<Committed>({last->sequence, last->position});
  }

  Status Open(const Schema& schema, const WriteIntent& intent, std::stop_token stop) override {
    CassandraSession& session = *TRY(Connect(stop));
    if (dirty_) plan_.reset();  // what is on its way is of no use to anyone
    dirty_ = false;
    intent_ = intent;
    if (!plan_ || schema != schema_) TRY(Plan(session, schema, stop));
    if (!asked_last_) {
      last_ = TRY(commits_.Last(session, stop));
      asked_last_ = true;
    }
    if (intent.refresh && config_.full_refresh == Refresh::kTruncate)
      TRY(session.Execute("TRUNCATE " + table_->ToCql(), CassandraConsistency::kAll, stop));
    Time now = intent.now == Time() || !plan_->repeatable ? context_.env.clock.Now() : intent.now;
    next_timestamp_ = now.time_since_epoch().count();
    if (last_) next_timestamp_ = std::max(next_timestamp_, last_->last_timestamp + 1);
    return Status::Ok();
  }

  Status Write(const Rows& rows, std::stop_token stop) override {
    if (!config_.delete_when.empty())
      return Internal("a Cassandra sink with `delete_when` is written through WriteFrom");
    std::vector<CassandraMisfit> misfits = TRY(Send(rows, stop));
    return misfits.empty() ? Status::Ok() : Refuse(misfits);
  }

  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    Sql marked = rows;
    if (!config_.delete_when.empty()) {
      bool has_one = schema_.Find(kTombstone) != nullptr;
      marked.text = std::string("SELECT * ") + (has_one ? "EXCLUDE (_tombstone)" : "") +
                    ", coalesce((" + config_.delete_when + "), false) AS " + kTombstone +
                    " FROM (" + rows.text + "\n)";
    }
    std::unique_ptr<RowReader> reader = TRY(session.Query(marked, stop));
    MisfitRows aside(session);
    WriteCount count;
    while (std::optional<Rows> batch = TRY(reader->Next(stop))) {
      std::vector<CassandraMisfit> misfits = TRY(Send(*batch, stop));
      count.rows += batch->count() - static_cast<int64_t>(misfits.size());
      if (misfits.empty()) continue;
      if (!intent_.takes_rejects) return Refuse(misfits);
      TRY(aside.Add(*batch, misfits, stop));
    }
    TRY(Flush(stop));
    count.discarded = TRY(aside.Finish(stop));
    count.rows_discarded = aside.count();
    return count;
  }

  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    CassandraSession& session = *TRY(Connect(stop));
    if (last_ && last_->sequence >= commit.id.sequence && last_->table_id == table_id())
      return Status::Ok();
    if (!table_) {  // a sink made only to see a commit through that the table has already
      std::optional<Committed> last = TRY(LastCommit(commit.id.task, stop));
      if (last && last->sequence >= commit.id.sequence) return Status::Ok();
      return Internal("Commit before Open");
    }
    TRY(Flush(stop));
    CommitRow row{.sequence = commit.id.sequence,
                  .position = commit.position,
                  .table_id = table_->id,
                  .last_timestamp = next_timestamp_};
    TRY(Failpoint("cassandra.commit.before"));
    TRY(commits_.Put(session, row, commit.now, stop));
    TRY(Failpoint("cassandra.commit.after"));
    last_ = std::move(row);
    dirty_ = false;
    return Status::Ok();
  }

  std::string Target() const override { return name_.keyspace + "." + name_.table; }

 private:
  Result<CassandraSession*> Connect(std::stop_token stop) {
    if (!session_)
      session_ = TRY(CassandraSession::Connect(OptionsOf(config_, context_.folder), stop));
    return session_.get();
  }

  Status NoKeyspace() const {
    return NotFound("there is no keyspace '" + name_.keyspace + "'",
                    "`create_keyspace: {replication_factor: 3}` lets it be made");
  }
  Status NoTable() const {
    return NotFound("there is no table " + Target(), "`create_table: true` lets it be made");
  }
  std::string table_id() const { return table_ ? table_->id : ""; }

  // With the column that says what is deleted.
  Schema Marked(const Schema& schema) const {
    if (config_.delete_when.empty()) return schema;
    Schema marked = schema;
    std::erase_if(marked.columns, [](const Column& column) { return column.name == kTombstone; });
    marked.columns.push_back({kTombstone, {TypeKind::kBoolean}});
    return marked;
  }

  Status Plan(CassandraSession& session, const Schema& schema, std::stop_token stop) {
    plan_.reset();
    writer_.reset();
    schema_ = schema;
    if (!TRY(session.HasKeyspace(name_.keyspace, stop))) {
      if (!config_.create_keyspace) return NoKeyspace();
      TRY(session.Execute(CreateKeyspace(name_.keyspace, *config_.create_keyspace),
                          CassandraConsistency::kLocalQuorum, stop));
    }
    table_ = TRY(session.Describe(name_.keyspace, name_.table, stop));
    if (!table_) {
      if (!config_.create_table) return NoTable();
      for (const std::string& cql : TRY(CreateTable(schema, name_, config_)))
        TRY(session.Execute(cql, CassandraConsistency::kLocalQuorum, stop));
      // A node may be asked that has not heard of it yet.
      TRY(Patiently(RetryOf(config_), stop, [&]() -> Status {
        table_ = TRY(session.Describe(name_.keyspace, name_.table, stop));
        return table_ ? Status::Ok() : Status(Code::kUnavailable, NoTable().message());
      }));
    }
    CassandraWriterOptions plan = TRY(PlanWrite(Marked(schema), *table_, config_));
    TRY(commits_.Prepare(session, stop));
    plan_ = std::move(plan);
    return Status::Ok();
  }

  Result<std::vector<CassandraMisfit>> Send(const Rows& rows, std::stop_token stop) {
    if (!plan_) return Internal("rows before Open");
    if (rows.count() == 0) return std::vector<CassandraMisfit>();
    if (!writer_) {
      auto writer = CassandraWriter::Open(session_, *plan_, rows, stop);
      if (writer.code() == Code::kInvalid)
        return Invalid(writer.status().message(), "CAST the column in SQL");
      writer_ = TRY(std::move(writer));
    }
    dirty_ = true;
    auto misfits = TRY(writer_->Write(rows, next_timestamp_, stop));
    next_timestamp_ += rows.count();
    return misfits;
  }

  Status Flush(std::stop_token stop) {
    if (!writer_ || !dirty_) return Status::Ok();
    int64_t repeated = TRY(writer_->Flush(stop));
    if (repeated > repeated_ && context_.log)
      context_.log(Target() + ": " + FormatCount(repeated - repeated_) + " requests were repeated");
    repeated_ = repeated;
    return Status::Ok();
  }

  static Status Refuse(const std::vector<CassandraMisfit>& misfits) {
    std::set<int64_t> rows;
    for (const CassandraMisfit& misfit : misfits) rows.insert(misfit.row);
    const CassandraMisfit& first = misfits.front();
    return {Code::kRejected,
            FormatCount(static_cast<int64_t>(rows.size())) +
                (rows.size() == 1 ? " row does" : " rows of a batch do") + " not fit: column " +
                first.column + ": " + first.reason,
            "mend them in SQL, or give the task `rejects: {table: …}` to put such rows aside"};
  }

  const SinkConfig config_;
  const TableName name_;
  ConnectContext& context_;
  const Commits commits_;
  std::shared_ptr<CassandraSession> session_;
  std::optional<CassandraTable> table_;
  Schema schema_;  // of the rows, as given
  std::optional<CassandraWriterOptions> plan_;
  std::unique_ptr<CassandraWriter> writer_;
  WriteIntent intent_;
  std::optional<CommitRow> last_;  // of this task
  bool asked_last_ = false;
  bool dirty_ = false;  // rows were sent since the last commit
  int64_t next_timestamp_ = 0;
  int64_t repeated_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  TableName name = TRY(ParseTable(config.table, config.keyspace));
  return std::unique_ptr<Sink>(new CassandraSink(config, std::move(name), context));
}

}  // namespace millrace::cassandra
