#include <filesystem>

#include "base/hash.h"
#include "base/text.h"
#include "connect/cassandra/config.h"
#include "connect/row_stage.h"

namespace millrace::cassandra {

namespace {

namespace fs = std::filesystem;

constexpr const char* kUnknown = "unknown";  // `plan` does not read a table to see what is new
constexpr size_t kStagesKept = 2;            // of earlier runs: one of them may be planned
constexpr int kRangesEach = 8;               // of tokens, for each reader: they are not of one size

// "32 hex digits, rows": what a read of the whole table gave.
Status CheckPosition(const Position& position) {
  const std::string& token = position.token;
  bool good = token == kUnknown ||
              (token.size() > 33 && token[32] == ' ' &&
               token.find_first_not_of("0123456789abcdef") == 32 &&
               token.find_first_not_of("0123456789", 33) == token.npos);
  return good ? Status::Ok() : Invalid("'" + token + "' is no position of a Cassandra table");
}

// A scan that stays with its owner.
class Borrowed final : public RowReader {
 public:
  explicit Borrowed(CassandraScan& scan) : scan_(scan) {}
  Result<std::optional<Rows>> Next(std::stop_token stop) override { return scan_.Next(stop); }

 private:
  CassandraScan& scan_;
};

class CassandraSource final : public Source {
 public:
  CassandraSource(const SourceConfig& config, ConnectContext& context)
      : config_(config), context_(context) {
    std::string what = Join(config.hosts, ",") + " " + config.keyspace + " " + config.table + " " +
                       Join(config.columns, ",") + " " + config.query;
    folder_ = context.state_folder + "/staging/cassandra/" +
              Sha256Hex(context.task + "\n" + what).substr(0, 24);
    if (context.run.empty()) folder_ += "-preview-" + NewUuid();
  }
  ~CassandraSource() override {
    std::error_code ignored;
    if (context_.run.empty()) fs::remove_all(folder_, ignored);
  }

  Status Probe(std::stop_token stop) override { return Statement(stop).status(); }

  // A table has no log: what is new is known when all of it is read, and then it is kept.
  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    if (begin) TRY(CheckPosition(*begin));
    if (context_.planning) return Position{kUnknown};
    if (stop.stop_requested()) return Canceled();
    if (!stage_) stage_ = TRY(Take(stop));
    return Position{stage_->head.position};
  }

  Status Open(const Range& range, std::stop_token stop) override {
    if (range.begin) TRY(CheckPosition(*range.begin));
    Position end = range.end ? *range.end : TRY(Latest(std::nullopt, stop));
    TRY(CheckPosition(end));
    opened_.reset();
    for (RowStage& stage : FindRowStages(folder_)) {
      if (stage.head.position == end.token) opened_ = std::move(stage);
    }
    if (opened_) return Status::Ok();
    return Invalid("what " + Shown() + " held for this commit is not staged any more",
                   "it is read anew");
  }

  Result<std::optional<Batch>> Read(std::stop_token) override {
    return Internal("staged rows are read by the engine, through NativeScan");
  }
  Result<std::optional<Sql>> NativeScan(Session&) override {
    if (!opened_) return Internal("NativeScan before Open");
    return std::optional<Sql>(ReadRowStage(*opened_));
  }

  Status Acknowledge(const Position&) override {
    opened_.reset();
    stage_.reset();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    return Status::Ok();
  }

  SourceInfo Info() const override {
    if (!opened_) return {};
    return {.bytes = opened_->head.bytes, .rows = opened_->head.rows};
  }
  bool CanResume() const override { return false; }  // it is read whole each time

 private:
  std::string Shown() const { return config_.table.empty() ? "the query" : config_.table; }

  Result<CassandraSession*> Connect(std::stop_token stop) {
    if (!session_)
      session_ = TRY(CassandraSession::Connect(OptionsOf(config_, context_.folder), stop));
    return session_.get();
  }

  // The SELECT, by ranges of tokens where it is a table's.
  Result<CassandraScanOptions> Statement(std::stop_token stop) {
    CassandraSession& session = *TRY(Connect(stop));
    CassandraScanOptions options{.cql = config_.query,
                                 .parallel = config_.parallel,
                                 .page = config_.page,
                                 .consistency = config_.consistency,
                                 .retry = RetryOf(config_)};
    if (config_.table.empty()) return options;
    TableName name = TRY(ParseTable(config_.table, config_.keyspace));
    auto table = TRY(session.Describe(name.keyspace, name.table, stop));
    if (!table)
      return NotFound("there is no table " + name.keyspace + "." + name.table,
                      "`DESCRIBE TABLES` of cqlsh lists what there is");
    std::vector<std::string> columns, partition;
    for (const CassandraColumn& column : table->columns) {
      if (column.kind == "partition_key") partition.push_back(SqlName(column.name));
      if (config_.columns.empty()) columns.push_back(SqlName(column.name));
    }
    for (const std::string& column : config_.columns) {
      const CassandraColumn* known = table->Find(column);
      if (known == nullptr)
        return Invalid(table->ToString() + " has no column '" + column + "'");
      columns.push_back(SqlName(known->name));
    }
    std::string token = "token(" + Join(partition, ", ") + ")";
    options.cql = "SELECT " + Join(columns, ", ") + " FROM " + table->ToCql() + " WHERE " + token +
                  " > ? AND " + token + " <= ?";
    options.ranges = config_.parallel * kRangesEach;
    return options;
  }

  Result<RowStage> Take(std::stop_token stop) {
    for (RowStage& stage : FindRowStages(folder_)) {
      // An earlier attempt of this run read it, and nobody was told of its end.
      if (!context_.run.empty() && stage.head.run == context_.run) return std::move(stage);
    }
    TRY(KeepNewestStages(folder_, kStagesKept));
    CassandraScanOptions options = TRY(Statement(stop));
    auto scan = TRY(CassandraScan::Open(session_, options, stop));
    auto position = [&] { return scan->Digest() + " " + std::to_string(scan->rows()); };
    Time now = context_.env.clock.Now();
    RowStage stage = TRY(WriteRowStage(folder_, context_.run, *context_.engine,
                                     std::make_unique<Borrowed>(*scan), position, now, stop));
    if (context_.log)
      context_.log(Shown() + ": " + FormatCount(stage.head.rows) + " rows read, " +
                   FormatBytes(stage.head.bytes) + " staged");
    return stage;
  }

  const SourceConfig config_;
  ConnectContext& context_;
  std::string folder_;  // of the stages
  std::shared_ptr<CassandraSession> session_;
  std::optional<RowStage> stage_;   // what Latest read
  std::optional<RowStage> opened_;  // what the range is
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  if (context.engine == nullptr) return Internal("a Cassandra source needs an engine to stage by");
  return std::unique_ptr<Source>(new CassandraSource(config, context));
}

}  // namespace millrace::cassandra
