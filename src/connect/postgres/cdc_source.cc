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

class CdcSource final : public Source {
 public:
  CdcSource(const SourceConfig& config, ConnectContext& context)
      : config_(config),
        context_(context),
        options_(OptionsOf(config, context.task)),
        state_(OpenLocalStorage(context.state_folder + "/replication")) {
    slot_ = config.slot.empty() ? ServerName(context.task + " " + config.table) : config.slot;
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
    return Status::Ok();
  }

  Result<std::optional<Batch>> Read(std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    std::optional<Rows> rows;
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

  Status Acknowledge(const Position& position) override {
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
  Result<Position> Snapshot(std::stop_token stop) {
    stream_.reset();
    reader_.reset();
    fresh_ = {};
    table_ = TRY(LookAtPublished(*connection_, config_.table, stop));
    TRY(MakePublication(*connection_, publication_, table_, stop));
    fresh_ = TRY(MakeSlot(*connection_, options_, slot_, stop));
    born_ = LogPlace{fresh_.start - 1, NewUuid().substr(0, 8)};
    TRY(Note(born_.born, 0));
    return born_.ToPosition();
  }

  Status OpenSnapshot(const Position& end, std::stop_token stop) {
    TRY(LogPlace::Parse(end));
    if (fresh_.snapshot.empty() || end != born_.ToPosition())
      return Invalid(
          "the snapshot of " + config_.table + " that was begun is gone with its process",
          "another one is taken");
    TRY(LookAtColumns(stop));
    if (!config_.snapshot) return Status::Ok();
    if (connection_->in_transaction()) TRY(connection_->Run("ROLLBACK", stop));
    TRY(connection_->Run(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
            SqlLiteral(fresh_.snapshot),
        stop));
    return StartSnapshot(fresh_.start - 1);
  }

  // What a preview shows: the rows, without a slot.
  Status OpenPlain(std::stop_token stop) {
    TRY(LookAtColumns(stop));
    return StartSnapshot(TRY(FlushedTo(stop)));
  }

  Status StartSnapshot(Lsn at) {
    const std::string values[] = {"'insert'::text", std::to_string(at) + "::bigint", "0::bigint",
                                  "NULL::timestamptz", "NULL::text[]"};
    size_t i = 0;
    for (SourceColumn& column : ChangeColumns()) selection_->Add(std::move(column), values[i++]);
    CopyOptions options{.server = options_, .batch = config_.batch.count};
    reader_ = std::make_unique<CopyReader>(*connection_, selection_->columns(),
                                           std::vector<std::string>{selection_->Select("", "")},
                                           std::move(options));
    return Status::Ok();
  }

  // The stream from a place on: that of before where it goes on from there.
  Status Follow(const LogPlace& from, std::stop_token stop) {
    if (stream_ && at_ == from.commit) return Status::Ok();
    stream_.reset();
    if (fresh_.connection) EndSnapshot(stop);
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

  void EndSnapshot(std::stop_token stop) {
    reader_.reset();
    fresh_ = {};
    if (connection_->in_transaction()) (void)connection_->Run("ROLLBACK", stop).ok();
  }

  // The server forgets what is before `confirmed`: that must be ours, or nothing that concerns us.
  Status CheckSlot(const LogPlace& from, std::stop_token stop) {
    SlotState slot = TRY(LookAtSlot(*connection_, slot_, stop));
    if (!slot.exists)
      return Invalid("replication slot " + slot_ +
                         " does not exist any more: what changed since the "
                         "last commit is not known",
                     kReadAnew);
    Result<std::string> note = state_->Read(slot_);
    auto noted = nlohmann::json::parse(note.ok() ? *note : "", nullptr, false);
    bool ours = noted.is_object() && noted.value("slot", "") == from.born;
    advanced_ = ours ? ParseLsn(noted.value("advanced", "0/0")) : 0;
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
  FreshSlot fresh_;  // its snapshot lasts as long as its connection
  LogPlace born_;
  std::unique_ptr<ChangeStream> stream_;
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
