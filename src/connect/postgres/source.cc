#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "connect/postgres/config.h"
#include "connect/postgres/copy_reader.h"
#include "connect/postgres/selection.h"
#include "connect/postgres/target_table.h"

namespace millrace::postgres {

namespace {

constexpr int64_t kPagesAPart = 4096;   // of 8 kB: smaller parts share the work more evenly
constexpr int kTidRangeScans = 140000;  // the version from which on a part is read without the rest

// Latest looks within a transaction, and Open reads in the same one, so that the range is what was
// looked at.
class PostgresSource final : public Source {
 public:
  PostgresSource(const SourceConfig& config, const std::string& task)
      : config_(config), options_(OptionsOf(config, task)) {}

  Status Probe(std::stop_token stop) override {
    TRY(Begin(stop));
    TRY(Selection::Look(config_, *connection_, stop));
    if (!config_.table.empty())
      TRY(connection_->Run("SELECT 1 FROM " + ParseName(config_.table).Quoted() + " LIMIT 0",
                           stop));
    return End(stop);
  }

  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    TRY(Begin(stop));
    // Nothing was committed on the server since nothing was new.
    std::string snapshot = TRY(connection_->Run("SELECT pg_current_snapshot()", stop)).Text(0, 0);
    if (begin && selection_ && snapshot == idle_ && *begin == idle_at_) {
      TRY(End(stop));
      return *begin;
    }
    selection_ = TRY(Selection::Look(config_, *connection_, stop));
    std::optional<Place> from;
    if (begin) from = TRY(Place::Parse(*begin, selection_->kind()));
    std::optional<Place> end = TRY(selection_->End(*connection_, from, stop));
    if (end) {
      end->from = Place::DigestOf(begin);
      latest_ = end->ToPosition();
      return *latest_;
    }
    idle_ = snapshot;
    idle_at_ = *begin;
    TRY(End(stop));
    return *begin;
  }

  Status Open(const Range& range, std::stop_token stop) override {
    reader_.reset();
    told_columns_ = false;
    bool same = range.end && latest_ == range.end && connection_ && !connection_->broken();
    if (!same) {
      TRY(Begin(stop));
      selection_ = TRY(Selection::Look(config_, *connection_, stop));
    }
    std::optional<Place> begin, end;
    if (range.begin) begin = TRY(Place::Parse(*range.begin, selection_->kind()));
    if (range.end) end = TRY(Place::Parse(*range.end, selection_->kind()));
    latest_.reset();
    empty_ = range.begin && range.begin == range.end;
    if (empty_) return End(stop);
    if (!same && end) TRY(CheckSnapshot(*end, stop));
    std::string condition = TRY(selection_->Between(*connection_, begin, end, stop));
    if (!same && end && end->Counts(range.begin)) TRY(CheckCount(condition, end->rows, stop));
    return Start(condition, begin.has_value(), stop);
  }

  Result<std::optional<Batch>> Read(std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    std::optional<Rows> rows;
    if (reader_) rows = TRY(reader_->Next(stop));
    if (!rows && !std::exchange(told_columns_, true)) {  // a range without rows has columns, too
      RowBatch none(selection_->columns());
      rows = TRY(none.Take());
    }
    if (!rows) {
      if (reader_) TRY(Close(stop));
      return std::optional<Batch>();
    }
    told_columns_ = true;
    return std::optional(Batch{.rows = *std::move(rows)});
  }

  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    std::vector<SourceColumn> columns = TRY(DeclaredColumns(config_));
    if (columns.empty()) return std::optional<Schema>();
    Schema schema;
    for (const SourceColumn& column : columns)
      schema.columns.push_back({column.name, column.type.lake});
    return std::optional(schema);
  }

  std::string SchemaKey() override {
    std::string text;
    for (const auto& [name, type] : config_.columns) text += name + "\n" + type + "\n";
    return text.empty() ? "" : "postgres " + Sha256Hex(text);
  }

  bool CanResume() const override { return !config_.cursor.empty(); }

 private:
  // A fresh transaction, which sees one state of the database for all that follows.
  Status Begin(std::stop_token stop) {
    reader_.reset();
    latest_.reset();
    bool had = connection_ && !connection_->broken();
    if (had && connection_->in_transaction()) TRY(End(stop));
    const char* begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    if (had) {
      Result<pg::Answer> begun = connection_->Run(begin, stop);
      if (begun.ok() || !connection_->broken() || stop.stop_requested()) return begun.status();
    }
    connection_ = TRY(pg::Connection::Open(options_, stop));
    return connection_->Run(begin, stop).status();
  }
  Status End(std::stop_token stop) { return connection_->Run("ROLLBACK", stop).status(); }

  Status Close(std::stop_token stop) {
    reader_.reset();
    return connection_->broken() ? Status::Ok() : End(stop);
  }

  // All rows of a moment that is over: given only while nothing at all was committed since.
  Status CheckSnapshot(const Place& end, std::stop_token stop) {
    if (end.kind != PlaceKind::kWhole) return Status::Ok();
    std::string now = TRY(connection_->Run("SELECT pg_current_snapshot()", stop)).Text(0, 0);
    if (now == end.snapshot) return Status::Ok();
    return Invalid(Name() + " may have changed since this range was planned", "it is read anew");
  }

  // Nothing is added to a range that is over, but rows of it may have got newer versions, or be
  // gone.
  Status CheckCount(const std::string& condition, int64_t rows, std::stop_token stop) {
    int64_t there = TRY(selection_->Count(*connection_, condition, stop));
    if (there == rows) return Status::Ok();
    return Invalid("of " + FormatCount(rows) + " rows that were planned to be read from " + Name() +
                       ", " + FormatCount(there) + " are there as they were",
                   "they are read anew");
  }

  Status Start(const std::string& condition, bool some, std::stop_token stop) {
    CopyOptions options{.server = options_, .parallel = 1, .batch = config_.batch.count};
    std::vector<std::string> selects;
    bool in_parts = !some && config_.parallel > 1 && selection_->pages() >= 2 * kPagesAPart &&
                    connection_->version() >= kTidRangeScans;
    if (in_parts) {
      pg::Answer standby = TRY(connection_->Run("SELECT pg_is_in_recovery()", stop));
      in_parts = !standby.Bool(0, 0);
    }
    if (in_parts) {
      options.parallel = config_.parallel;
      options.snapshot = TRY(connection_->Run("SELECT pg_export_snapshot()", stop)).Text(0, 0);
      for (int64_t page = 0; page < selection_->pages(); page += kPagesAPart) {
        std::string part = "t.ctid >= '(" + std::to_string(page) + ",0)'";
        bool last = page + kPagesAPart >= selection_->pages();
        if (!last) part += " AND t.ctid < '(" + std::to_string(page + kPagesAPart) + ",0)'";
        selects.push_back(selection_->Select(condition, part));
      }
    } else {
      selects.push_back(selection_->Select(condition, ""));
    }
    reader_ = std::make_unique<CopyReader>(*connection_, selection_->columns(), std::move(selects),
                                           std::move(options));
    return Status::Ok();
  }

  std::string Name() const { return config_.table.empty() ? "the query" : config_.table; }

  const SourceConfig config_;
  const pg::Options options_;
  std::unique_ptr<pg::Connection> connection_;
  std::optional<Selection> selection_;
  std::optional<Position> latest_;  // whose transaction is open
  std::string idle_;                // the snapshot in which nothing was new…
  Position idle_at_;                // …to a reader from here
  std::unique_ptr<CopyReader> reader_;
  bool empty_ = false, told_columns_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  if (config.cdc) return MakeCdcSource(config, context);
  TRY(DeclaredColumns(config));
  return std::unique_ptr<Source>(std::make_unique<PostgresSource>(config, context.task));
}

}  // namespace millrace::postgres
