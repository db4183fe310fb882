#include <charconv>
#include <utility>

#include "base/text.h"
#include "connect/table/config.h"

namespace millrace::table {

namespace {

// A version counts only within one life of the table: a table that was removed and made anew begins
// at 0 again.
struct Place {
  int64_t version = 0;
  std::string table_id;

  Position ToPosition() const { return {std::to_string(version) + " " + table_id}; }

  static Result<Place> Parse(const Position& position) {
    Place place;
    const std::string& token = position.token;
    auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), place.version);
    if (error != std::errc() || place.version < 0) {
      return Invalid("'" + token + "' is not a position in a lake table");
    }
    place.table_id = std::string(Trim(std::string_view(end, token.data() + token.size())));
    return place;
  }
};

class TableSource final : public Source {
 public:
  TableSource(Lake& lake, TableName name)
      : lake_(lake), name_(std::move(name)), table_(lake.Open(name_)) {}

  Status Probe(std::stop_token) override {
    Result<Snapshot> snapshot = LoadSnapshot({});
    return snapshot.ok() ? Status::Ok() : snapshot.status();
  }

  Result<Position> Latest(const std::optional<Position>&, std::stop_token) override {
    Snapshot snapshot = TRY(LoadSnapshot({}));
    return Place{snapshot.version, snapshot.table_id}.ToPosition();
  }

  Status Open(const Range& range, std::stop_token) override {
    after_.reset();
    AsOf as_of;
    std::optional<Place> end;
    if (range.end) {
      end = TRY(Place::Parse(*range.end));
      as_of.version = end->version;
    }
    snapshot_ = TRY(LoadSnapshot(as_of));
    if (end) TRY(SameTable(*end));
    if (!range.begin) return Status::Ok();
    Place begin = TRY(Place::Parse(*range.begin));
    TRY(SameTable(begin));
    if (begin.version > snapshot_->version) {
      return Invalid(name_.ToString() + " was read up to version " + std::to_string(begin.version) +
                         " but has only version " + std::to_string(snapshot_->version) + " now",
                     kReadAgain);
    }
    after_ = begin.version;
    return Status::Ok();
  }

  Result<std::optional<Batch>> Read(std::stop_token) override {
    return Internal("the rows of a lake table are read by the engine, through NativeScan");
  }

  Result<std::optional<Sql>> NativeScan(Session& session) override {
    if (!snapshot_) return Internal("NativeScan before Open");
    if (!after_) return std::optional<Sql>(TRY(table_->Scan(session, *snapshot_)));
    Result<Sql> changes = table_->ScanChanges(session, *after_, snapshot_->version);
    if (changes.ok()) return std::optional<Sql>(*std::move(changes));
    if (changes.code() != Code::kInvalid) return changes.status();
    return Invalid(changes.status().message(), kReadAgain);
  }

  SourceInfo Info() const override {
    SourceInfo info;
    if (snapshot_ && !after_) {
      info.bytes = snapshot_->bytes();
      info.rows = snapshot_->rows();
    }
    return info;
  }

  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    return std::optional<Schema>(TRY(LoadSnapshot({})).schema);
  }

 private:
  static constexpr const char* kReadAgain =
      "run once with --full-refresh, or leave `incremental` out to read all rows each time";

  Result<Snapshot> LoadSnapshot(const AsOf& as_of) {
    Result<Snapshot> snapshot = table_->Load(as_of);
    if (snapshot.ok() || snapshot.code() != Code::kNotFound || as_of.version) return snapshot;
    std::vector<std::string> names;
    for (const TableName& each : TRY(lake_.Tables())) names.push_back(each.ToString());
    std::string closest = Closest(name_.ToString(), names);
    return NotFound("there is no table " + name_.ToString() + " in the lake",
                    closest.empty() ? "a task with `to: {table: " + name_.ToString() + "}` makes it"
                                    : "did you mean " + closest + "?");
  }

  Status SameTable(const Place& place) const {
    if (place.table_id.empty() || place.table_id == snapshot_->table_id) return Status::Ok();
    return Invalid(name_.ToString() + " was removed and made anew since it was read", kReadAgain);
  }

  Lake& lake_;
  const TableName name_;
  const std::unique_ptr<Table> table_;
  std::optional<Snapshot> snapshot_;  // of the end of the opened range
  std::optional<int64_t> after_;      // only rows that came after this version
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  TableName name = TRY(ParseTableName(config.name));
  return std::unique_ptr<Source>(std::make_unique<TableSource>(context.lake, std::move(name)));
}

}  // namespace millrace::table
