#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/storage.h"
#include "base/text.h"
#include "connect/postgres/change_rows.h"
#include "connect/postgres/change_stream.h"
#include "connect/postgres/config.h"
#include "connect/postgres/copy_reader.h"
#include "connect/postgres/selection.h"
#include "connect/postgres/slot.h"
#include "connect/postgres/target_table.h"
#include "connect/row_stage.h"

namespace millrace::postgres {

namespace {

constexpr const char* kUnknown = "?";  // of a plan, which makes no slot
constexpr const char* kReadAnew = "run with --full-refresh: the table is read anew";
constexpr Lsn kAdvance = 1 << 20;  // bytes of others' changes until the server is let forget them

// The position is the last commit that was taken: its place in the log, and the slot's birth, so
// that one of the same name that was made anew is not taken for it.
struct LogPlace {
  Lsn commit = 0;
  std::string born;

  Position ToPosition() const {
    return {nlohmann::ordered_json{{"lsn", LsnText(commit)}, {"slot", born}}.dump()};
  }
  static Result<LogPlace> Parse(const Position& position) {
    auto json = nlohmann::json::parse(position.token, nullptr, false);
    bool is = json.is_object() && json.contains("lsn") && json["lsn"].is_string() &&
              json.contains("slot") && json["slot"].is_string();
    if (!is)
      return Invalid(
          "'" + position.token.substr(0, 100) + "' is not a position in a log of changes",
          "`--full-refresh` reads everything again");
    return LogPlace{ParseLsn(json["lsn"].get<std::string>()), json["slot"].get<std::string>()};
  }
};

std::string ShapeOf(const SourceConfig& config) {
  std::string shape = config.snapshot ? "all" : "none";
  for (const auto& [name, type] : config.columns) shape += "\n" + name + " " + type;
  return shape;
}

// A table without rows has columns all the same. `rows` may be null.
class WithColumns final : public RowReader {
 public:
  WithColumns(std::unique_ptr<CopyReader> rows, const std::vector<SourceColumn>& columns)
      : rows_(std::move(rows)), columns_(columns) {}

  Result<std::optional<Rows>> Next(std::stop_token stop) override {
    std::optional<Rows> next;
    if (rows_) next = TRY(rows_->Next(stop));
    if (!next && !told_) {
      RowBatch none(columns_);
      next = TRY(none.Take());
    }
    told_ = true;
    return next;
  }

 private:
  const std::unique_ptr<CopyReader> rows_;
  const std::vector<SourceColumn>& columns_;
  bool told_ = false;
};

class CdcSource final : public Source {
 public:
  CdcSource(const SourceConfig& config, ConnectContext& context)
      : config_(config),
        context_(context),
        options_(OptionsOf(config, context.task)),
        state_(OpenLocalStorage(context.state_folder + "/replication")) {
    slot_ = config.slot.empty() ? ServerName(context.task + " " + config.table) : config.slot;
    folder_ = context.state_folder + "/staging/postgres/" +
              Sha256Hex(context.task + "\n" + slot_ + "\n" + ShapeOf(config)).substr(0, 24);
    publication_ = config.publication.empty() ? ServerName(config.table) : config.publication;
  }

  Status Probe(std::stop_token stop) override {
    TRY(Connect(stop));
    TRY(LookAtPublished(*connection_, config_.table, stop));
    return LookAtSlot(*connection_, slot_, stop).status();
  }

  void SetLimit(const RangeLimit& limit) override { limit_ = limit; }

  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    if (context_.planning || context_.run.empty()) return LookOnly(begin, stop);
    TRY(Connect(stop));
    if (!begin) return Snapshot(stop);
    LogPlace from = TRY(LogPlace::Parse(*begin));
    TRY(Follow(from, stop));
    Lsn target = TRY(FlushedTo(stop));
    TRY(Lost(stream_->Fetch(target, stop)));
    std::optional<Lsn> end = stream_->End(limit_.rows);
    if (end) return LogPlace{*end, from.born}.ToPosition();
    if (stream_->reached() > from.commit + kAdvance && stream_->reached() > advanced_ + kAdvance)
      TRY(Advance(from, stream_->reached()));
    return *begin;
  }

  Status Open(const Range& range, std::stop_token stop) override {
    reader_.reset();
    changes_.reset();
    opened_.reset();
    told_columns_ = false;
    TRY(Connect(stop));
    std::optional<LogPlace> begin;
    if (range.begin) begin = TRY(LogPlace::Parse(*range.begin));
    bool plain = !range.end || range.end->token == kUnknown;
    if (!begin || plain) return plain ? OpenPlain(stop) : OpenSnapshot(*range.end, stop);
    LogPlace end = TRY(LogPlace::Parse(*range.end));
    TRY(LookAtColumns(stop));
    end_ = end.commit;
    if (range.begin == range.end) return Status::Ok();
    TRY(Follow(*begin, stop));
    changes_ = std::make_unique<ChangeRows>(columns_, table_.key);
    // A stream tells the table's columns once; this range may go on in the middle of it.
    if (!relation_.empty()) TRY(changes_->Append({.message = relation_}));
    return Status::Ok();
  }

  Result<std::optional<Batch>> Read(std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    std::optional<Rows> rows;
    if (opened_) return Internal("staged rows are read by the engine, through NativeScan");
    if (reader_) rows = TRY(reader_->Next(stop));
    if (changes_) rows = TRY(NextChanges(stop));
    if (!rows && !std::exchange(told_columns_, true)) {
      RowBatch none(columns_);
      rows = TRY(none.Take());
    }
    if (!rows) return std::optional<Batch>();
    told_columns_ = true;
    return std::optional(Batch{.rows = *std::move(rows)});
  }

  Result<std::optional<Sql>> NativeScan(Session&) override {
    if (!opened_) return std::optional<Sql>();
    return std::optional<Sql>(ReadRowStage(*opened_));
  }

  Status Acknowledge(const Position& position) override {
    opened_.reset();
    if (!std::exchange(swept_, true)) TRY(KeepNewestStages(folder_, 0));
    if (position.token == kUnknown) return Status::Ok();
    LogPlace place = TRY(LogPlace::Parse(position));
    if (stream_) return Lost(stream_->Confirm(place.commit));
    return Status::Ok();
  }

  Result<std::vector<Lag>> Lags(const Position& end, std::stop_token stop) override {
    Result<LogPlace> place = LogPlace::Parse(end);
    if (!place.ok()) return std::vector<Lag>();
    TRY(Connect(stop));
    Lsn at = std::max(place->commit, advanced_), flushed = TRY(FlushedTo(stop));
    return std::vector<Lag>{{.partition = "slot " + slot_,
                             .behind = flushed > at ? static_cast<int64_t>(flushed - at) : 0,
                             .unit = "bytes"}};
  }

 private:
  Status Connect(std::stop_token stop) {
    if (connection_ && !connection_->broken()) return Status::Ok();
    reader_.reset();
    connection_ = TRY(pg::Connection::Open(options_, stop));
    return Status::Ok();
  }

  // A stream that failed is opened anew the next time.
  Status Lost(Status status) {
    if (!status.ok()) stream_.reset();
    return status;
  }

  Result<Lsn> FlushedTo(std::stop_token stop) {
    return ParseLsn(TRY(connection_->Run("SELECT pg_current_wal_flush_lsn()", stop)).Text(0, 0));
  }

  // A plan makes no slot, and takes none away from who runs.
  Result<Position> LookOnly(const std::optional<Position>& begin, std::stop_token stop) {
    TRY(Probe(stop));
    if (begin) TRY(LogPlace::Parse(*begin));
    return Position{kUnknown};
  }

  Status LookAtColumns(std::stop_token stop) {
    table_ = TRY(LookAtPublished(*connection_, config_.table, stop));
    selection_ = TRY(Selection::Look(config_, *connection_, stop));
    TRY(selection_->LeaveOutGenerated(*connection_, stop));
    columns_ = selection_->columns();
    for (SourceColumn& column : ChangeColumns()) columns_.push_back(std::move(column));
    return Status::Ok();
  }

  // A slot, and a snapshot of the table at its birth: no change is between them, none is in both.
  // The snapshot ends with its connection: its rows are staged before anyone is told of them, so
  // that whoever comes after a kill goes on with the same ones.
  Result<Position> Snapshot(std::stop_token stop) {
    stream_.reset();
    reader_.reset();
    swept_ = false;
    if (std::optional<RowStage> left = TRY(FindStage(stop))) return Position{left->head.position};
    TRY(KeepNewestStages(folder_, 0));
    table_ = TRY(LookAtPublished(*connection_, config_.table, stop));
    TRY(MakePublication(*connection_, publication_, table_, stop));
    FreshSlot fresh = TRY(MakeSlot(*connection_, options_, slot_, stop));
    LogPlace born{fresh.start - 1, NewUuid().substr(0, 8)};
    TRY(Note(born.born, 0));
    TRY(LookAtColumns(stop));
    std::unique_ptr<CopyReader> rows;
    if (config_.snapshot) rows = TRY(SnapshotRows(fresh, stop));
    RowStage stage = TRY(WriteRowStage(
        folder_, context_.run, *context_.engine,
        std::make_unique<WithColumns>(std::move(rows), columns_),
        [&] { return born.ToPosition().token; }, context_.env.clock.Now(), stop));
    if (connection_->in_transaction()) TRY(connection_->Run("ROLLBACK", stop));
    if (context_.log)
      context_.log(config_.table + ": " + FormatCount(stage.head.rows) + " rows read, " +
                   FormatBytes(stage.head.bytes) + " staged");
    return Position{stage.head.position};
  }

  Result<std::unique_ptr<CopyReader>> SnapshotRows(const FreshSlot& fresh, std::stop_token stop) {
    if (connection_->in_transaction()) TRY(connection_->Run("ROLLBACK", stop));
    TRY(connection_->Run(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
            SqlLiteral(fresh.snapshot),
        stop));
    return TableRows(fresh.start - 1);
  }

  // What an earlier attempt staged, where the slot that it made is there yet.
  Result<std::optional<RowStage>> FindStage(std::stop_token stop) {
    std::vector<RowStage> stages = FindRowStages(folder_);
    if (stages.empty()) return std::optional<RowStage>();
    Result<LogPlace> place = LogPlace::Parse({stages[0].head.position});
    SlotState slot = TRY(LookAtSlot(*connection_, slot_, stop));
    if (!place.ok() || !slot.exists || !IsOurs(place->born)) return std::optional<RowStage>();
    return std::optional(std::move(stages[0]));
  }

  Status OpenSnapshot(const Position& end, std::stop_token stop) {
    TRY(LogPlace::Parse(end));
    TRY(LookAtColumns(stop));
    for (RowStage& stage : FindRowStages(folder_)) {
      if (stage.head.position == end.token) opened_ = std::move(stage);
    }
    if (opened_) return Status::Ok();
    return Invalid("what " + config_.table + " held for this commit is not staged any more",
                   "it is read anew");
  }

  // What a preview shows: the rows, without a slot.
  Status OpenPlain(std::stop_token stop) {
    TRY(LookAtColumns(stop));
    reader_ = TRY(TableRows(TRY(FlushedTo(stop))));
    return Status::Ok();
  }

  Result<std::unique_ptr<CopyReader>> TableRows(Lsn at) {
    const std::string values[] = {"'insert'::text", std::to_string(at) + "::bigint", "0::bigint",
                                  "NULL::timestamptz", "NULL::text[]"};
    size_t i = 0;
    for (SourceColumn& column : ChangeColumns()) selection_->Add(std::move(column), values[i++]);
    CopyOptions options{.server = options_, .batch = config_.batch.count};
    return std::make_unique<CopyReader>(*connection_, selection_->columns(),
                                        std::vector<std::string>{selection_->Select("", "")},
                                        std::move(options));
  }

  // The stream from a place on: that of before where it goes on from there.
  Status Follow(const LogPlace& from, std::stop_token stop) {
    if (stream_ && at_ == from.commit) return Status::Ok();
    stream_.reset();
    relation_.clear();
    TRY(CheckSlot(from, stop));
    table_ = TRY(LookAtPublished(*connection_, config_.table, stop));
    stream_ = TRY(ChangeStream::Open({.server = options_,
                                      .slot = slot_,
                                      .publication = publication_,
                                      .table = table_.oid,
                                      .after = from.commit,
                                      .buffer_bytes = config_.buffer.count},
                                     context_.env.clock, stop));
    at_ = from.commit;
    return Status::Ok();
  }

  // The server forgets what is before `confirmed`: that must be ours, or nothing that concerns us.
  Status CheckSlot(const LogPlace& from, std::stop_token stop) {
    SlotState slot = TRY(LookAtSlot(*connection_, slot_, stop));
    if (!slot.exists)
      return Invalid("replication slot " + slot_ +
                         " does not exist any more: what changed since the "
                         "last commit is not known",
                     kReadAnew);
    advanced_ = IsOurs(from.born) ? ParseLsn(Noted().value("advanced", "0/0")) : 0;
    if (slot.confirmed <= std::max(from.commit, advanced_) + 1) return Status::Ok();
    return Invalid("replication slot " + slot_ +
                       " was moved on, or made anew, by somebody else: it "
                       "begins at " +
                       LsnText(slot.confirmed) + ", and the last commit here is " +
                       LsnText(from.commit),
                   kReadAnew);
  }

  // Before the server is told: a slot that is further than we are must be known to be so by us.
  Status Advance(const LogPlace& from, Lsn to) {
    TRY(Note(from.born, to));
    advanced_ = to;
    return Lost(stream_->Confirm(to - 1));
  }
  Status Note(const std::string& born, Lsn advanced) {
    nlohmann::ordered_json note{{"slot", born}, {"advanced", LsnText(advanced)}};
    return state_->Put(slot_, note.dump());
  }

  nlohmann::json Noted() {
    Result<std::string> note = state_->Read(slot_);
    auto noted = nlohmann::json::parse(note.ok() ? *note : "", nullptr, false);
    return noted.is_object() ? noted : nlohmann::json::object();
  }
  bool IsOurs(const std::string& born) { return Noted().value("slot", "") == born; }

  Result<std::optional<Rows>> NextChanges(std::stop_token stop) {
    RowBatch& batch = changes_->batch();
    while (batch.bytes() < config_.batch.count) {
      if (!stream_) return Internal("Read after a failure");
      Result<std::optional<StreamItem>> item = stream_->Take(end_, stop);
      if (!item.ok()) return Lost(item.status());
      if (!*item) {
        at_ = end_;
        std::optional<Rows> last;
        if (batch.rows()) last = TRY(batch.Take());
        changes_.reset();
        return last;
      }
      at_ = 0;  // in the middle: no range begins here
      if ((*item)->message[0] == 'R') relation_ = std::string((*item)->message);
      Status appended = changes_->Append(**item);
      if (!appended.ok()) return Lost(appended);
    }
    return std::optional(TRY(batch.Take()));
  }

  const SourceConfig config_;
  ConnectContext& context_;
  const pg::Options options_;
  const std::unique_ptr<Storage> state_;
  std::string slot_, publication_;
  RangeLimit limit_;
  std::unique_ptr<pg::Connection> connection_;  // for questions, and the snapshot
  PublishedTable table_;
  std::optional<Selection> selection_;
  std::vector<SourceColumn> columns_;
  std::string folder_;              // of the stages
  std::optional<RowStage> opened_;  // what the range is, where it begins with the table
  bool swept_ = false;              // no stage of ours is left
  std::unique_ptr<ChangeStream> stream_;
  std::string relation_;  // the stream's last Relation message
  Lsn at_ = 0;        // what was taken of the stream; 0: in the middle of a range
  Lsn end_ = 0;       // of the opened range
  Lsn advanced_ = 0;  // what the server was let forget beyond the last commit
  std::unique_ptr<ChangeRows> changes_;
  std::unique_ptr<CopyReader> reader_;
  bool told_columns_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> MakeCdcSource(const SourceConfig& config, ConnectContext& context) {
  return std::unique_ptr<Source>(std::make_unique<CdcSource>(config, context));
}

}  // namespace millrace::postgres
