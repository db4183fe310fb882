#include "connect/postgres/selection.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "connect/postgres/target_table.h"

namespace millrace::postgres {

namespace {

constexpr const char* kReadAgain = "`--full-refresh` reads everything again";
constexpr size_t kMostSeen = 1000;  // transactions that a position names one by one
constexpr uint64_t kFirstXid = 3;
constexpr int64_t kFarthest = (int64_t{1} << 31) - 1'000'000;  // that 32 bits tell from the future

uint64_t NumberOf(const std::string& text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// A table's rows bear the low 32 bits of their transaction's number.
std::string Xid(uint64_t whole) { return std::to_string(whole & 0xffffffff); }

std::string XidArray(const std::vector<uint64_t>& whole) {
  std::vector<std::string> texts;
  for (uint64_t each : whole) texts.push_back(Xid(each));
  return "'{" + Join(texts, ",") + "}'::xid[]";
}

// As the type's output function writes it, which is what logical replication sends: the cast of an
// inet to text says more.
std::string AsText(const std::string& value, uint32_t type, bool is_array) {
  constexpr uint32_t kInet = 869;
  if (is_array) return value + "::text::text[]";
  return type == kInet ? "textin(inet_out(" + value + "))" : value + "::text";
}

}  // namespace

// The transactions of a snapshot, and how old their numbers are in it: age() is the distance to the
// newest number, the same within one transaction.
struct Selection::Horizon {
  uint64_t xmin = 0, xmax = 0;  // all below xmin are over; none at or above xmax has begun
  int64_t age = 0;              // of xmin
  int64_t AgeOf(uint64_t whole) const {
    return age + static_cast<int64_t>(xmin) - static_cast<int64_t>(whole);
  }
  uint64_t WholeOf(int64_t its_age) const {
    int64_t whole = static_cast<int64_t>(xmin) + age - its_age;
    return static_cast<uint64_t>(std::max<int64_t>(whole, kFirstXid));
  }

  static Result<Horizon> Of(pg::Connection& connection, std::stop_token stop) {
    pg::Answer answer = TRY(connection.Run(
        "SELECT pg_snapshot_xmin(s), pg_snapshot_xmax(s), age(pg_snapshot_xmin(s)::xid) "
        "FROM pg_current_snapshot() s",
        stop));
    return Horizon{NumberOf(answer.Text(0, 0)), NumberOf(answer.Text(0, 1)), answer.Number(0, 2)};
  }
};

Result<std::vector<SourceColumn>> DeclaredColumns(const SourceConfig& config) {
  std::vector<SourceColumn> columns;
  for (const auto& [name, text] : config.columns) {
    Result<Type> type = ParseType(text);
    if (!type.ok()) return type.status().In("column '" + name + "'");
    if (PgTypeFor(*type) == "jsonb")
      return Invalid("column '" + name + "': the database has no type for " + type->ToSql(),
                     "read it as VARCHAR, and take it apart in the task's SQL");
    columns.push_back({name, TypeOfColumnFor(*type)});
  }
  return columns;
}

Result<Selection> Selection::Look(const SourceConfig& config, pg::Connection& connection,
                                  std::stop_token stop) {
  Selection selection(config);
  if (!config.cursor.empty()) selection.kind_ = PlaceKind::kCursor;
  if (!config.table.empty()) TRY(selection.LookAtTable(connection, stop));
  TRY(selection.LookAtColumns(connection, stop));
  return selection;
}

std::string Selection::From() const {
  if (!config_->table.empty()) return ParseName(config_->table).Quoted() + " AS t";
  return "(" + std::string(Trim(config_->query)) + "\n) AS t";
}

// A table's rows tell which transaction wrote them; those of views and foreign tables do not.
Status Selection::LookAtTable(pg::Connection& connection, std::stop_token stop) {
  pg::Answer answer = TRY(connection.Run(
      "SELECT c.oid, c.relkind, coalesce(pg_relation_filenode(c.oid), 0), "
      "CASE WHEN c.relkind = 'r' AND NOT c.relhassubclass THEN pg_relation_size(c.oid) / "
      "current_setting('block_size')::bigint ELSE 0 END FROM pg_class c WHERE c.oid = "
      "to_regclass(" +
          SqlLiteral(ParseName(config_->table).Quoted()) + ")",
      stop));
  if (answer.rows() == 0)
    return NotFound("there is no table " + config_->table + " in " + connection.place(),
                    "see its name and schema; letters count as the database has them");
  oid_ = answer.Text(0, 0);
  file_ = answer.Text(0, 2);
  pages_ = answer.Number(0, 3);
  std::string kind = answer.Text(0, 1);
  bool has_transactions = kind == "r" || kind == "p" || kind == "m";
  if (kind_ == PlaceKind::kCursor && has_transactions) kind_ = PlaceKind::kTransactions;
  return Status::Ok();
}

Status Selection::LookAtColumns(pg::Connection& connection, std::stop_token stop) {
  pg::Answer described = TRY(connection.Describe("SELECT * FROM " + From(), stop));
  std::vector<TypeName> names;
  for (int i = 0; i < described.columns(); ++i)
    names.push_back({described.type(i), described.type_modifier(i)});
  std::vector<PgType> types = TRY(TypesOf(names, connection, stop));
  int cursor = -1;
  std::vector<std::string> known;
  for (int i = 0; i < described.columns(); ++i) {
    std::string name = described.name(i), quoted = "t." + SqlName(name);
    known.push_back(name);
    const PgType& type = types[static_cast<size_t>(i)];
    if (name == config_->cursor) cursor = i;
    if (!config_->columns.empty()) continue;
    if (type.as_text) quoted = AsText(quoted, described.type(i), type.wire == Wire::kArray);
    list_.push_back(quoted + " AS " + SqlName(name));
    columns_.push_back({name, type});
  }
  auto must_have = [&](const std::string& name) -> Status {
    if (std::ranges::find(known, name) != known.end()) return Status::Ok();
    std::string closest = Closest(name, known);
    return Invalid(
        "there is no column '" + name + "' in what is read from " + connection.place(),
        closest.empty() ? "it has " + Join(known, ", ") : "did you mean '" + closest + "'?");
  };
  for (const SourceColumn& column : TRY(DeclaredColumns(*config_))) {
    TRY(must_have(column.name));
    std::string type = PgTypeFor(TRY(ParseType(config_->columns.at(column.name))));
    list_.push_back("CAST(t." + SqlName(column.name) + " AS " + type + ") AS " +
                    SqlName(column.name));
    columns_.push_back(column);
  }
  if (kind_ == PlaceKind::kWhole) return Status::Ok();
  TRY(must_have(config_->cursor));
  pg::Answer type = TRY(connection.Run(
      "SELECT format_type($1::oid, $2::int), typcategory FROM pg_type WHERE oid = $1::oid",
      pg::Values{std::to_string(described.type(cursor)),
                 std::to_string(described.type_modifier(cursor))},
      stop));
  cursor_type_ = type.Text(0, 0);
  cursor_is_time_ = type.Text(0, 1) == "D";
  return Status::Ok();
}

Result<std::string> Selection::Identity(pg::Connection& connection, std::stop_token stop) const {
  pg::Answer answer =
      TRY(connection.Run("SELECT system_identifier FROM pg_control_system()", stop));
  return answer.Text(0, 0) + "/" + (oid_.empty() ? "query" : oid_);
}

Status Selection::SameTable(const Place& place, const std::string& now) const {
  if (place.table == now) return Status::Ok();
  return Invalid("what is read is another table, or on another server, than when it was read last",
                 kReadAgain);
}

Result<std::optional<Place>> Selection::End(pg::Connection& connection,
                                            const std::optional<Place>& begin,
                                            std::stop_token stop) {
  Place end{.kind = kind_};
  std::string identity = TRY(Identity(connection, stop));
  if (begin) TRY(SameTable(*begin, identity));
  if (kind_ == PlaceKind::kWhole) {
    end.snapshot = TRY(connection.Run("SELECT pg_current_snapshot()", stop)).Text(0, 0);
    end.table = identity;
    if (begin && begin->snapshot == end.snapshot) return std::optional<Place>();
    return std::optional(end);
  }
  end = kind_ == PlaceKind::kCursor ? TRY(EndOfCursor(connection, begin, stop))
                                    : TRY(EndOfTransactions(connection, begin, stop));
  end.table = identity;
  end.file = file_;
  if (begin && end.rows == 0) return std::optional<Place>();
  return std::optional(end);
}

// What a transaction that begins below the last highest value may still bring, the lookback says.
std::string Selection::Since(const Place& begin) const {
  std::string value = "CAST(" + SqlLiteral(begin.cursor) + " AS " + cursor_type_ + ")";
  if (config_->lookback.empty()) return value;
  std::string type = cursor_is_time_ ? "interval" : cursor_type_;
  return "CAST(" + value + " - CAST(" + SqlLiteral(config_->lookback) + " AS " + type + ") AS " +
         cursor_type_ + ")";
}

Result<Place> Selection::EndOfCursor(pg::Connection& connection, const std::optional<Place>& begin,
                                     std::stop_token stop) {
  std::string cursor = "t." + SqlName(config_->cursor);
  std::string condition;
  if (begin && begin->has_cursor)
    condition =
        " WHERE " + cursor + " > CAST(" + SqlLiteral(begin->cursor) + " AS " + cursor_type_ + ")";
  pg::Answer answer =
      TRY(connection.Run("SELECT max(" + cursor + ") FROM " + From() + condition, stop));
  Place end{.kind = kind_, .cursor = answer.Text(0, 0), .has_cursor = !answer.IsNull(0, 0)};
  if (!end.has_cursor) {
    if (begin) end = *begin;
    end.rows = 0;
    return end;
  }
  // A first reading is not run twice; what it repeats, if it must be repeated, is not checked.
  if (begin) end.rows = TRY(Count(connection, TRY(Between(connection, begin, end, stop)), stop));
  return end;
}

Result<Place> Selection::EndOfTransactions(pg::Connection& connection,
                                           const std::optional<Place>& begin,
                                           std::stop_token stop) {
  Horizon now = TRY(Horizon::Of(connection, stop));
  std::string condition;
  if (begin) condition = TRY(After(connection, *begin, stop));
  std::string age = "age(t.xmin)", horizon = std::to_string(now.age);
  std::string running = "NULL";
  if (now.xmin < now.xmax)
    running = "array_to_string(array_agg(DISTINCT " + age + ") FILTER (WHERE " + age +
              " BETWEEN 0 AND " + horizon + "), ' ')";
  pg::Answer answer =
      TRY(connection.Run("SELECT count(*), max(t." + SqlName(config_->cursor) + "), min(" + age +
                             ") FILTER (WHERE " + age + " > " + horizon + "), " + running +
                             " FROM " + From() + (condition.empty() ? "" : " WHERE " + condition),
                         stop));
  Place end{.kind = kind_, .xid = kFirstXid, .rows = answer.Number(0, 0)};
  if (begin) end = *begin, end.rows = answer.Number(0, 0);
  if (end.rows == 0) return end;
  // Not the horizon itself: so the position stays as it is while nothing happens to this table.
  if (!answer.IsNull(0, 2)) end.xid = std::max(end.xid, now.WholeOf(answer.Number(0, 2)) + 1);
  for (const std::string& each : Split(answer.Text(0, 3), ' ')) {
    if (!each.empty()) end.seen.push_back(now.WholeOf(std::strtoll(each.c_str(), nullptr, 10)));
  }
  for (uint64_t each : end.seen) {
    if (each < now.xmin) end.xid = std::max(end.xid, each + 1);
  }
  std::erase_if(end.seen, [&](uint64_t each) { return each < end.xid; });
  std::sort(end.seen.begin(), end.seen.end());
  end.seen.erase(std::unique(end.seen.begin(), end.seen.end()), end.seen.end());
  if (!answer.IsNull(0, 1)) {
    bool higher = !end.has_cursor;
    if (!higher) {
      pg::Answer compared = TRY(connection.Run(
          "SELECT CAST($1 AS " + cursor_type_ + ") > CAST($2 AS " + cursor_type_ + ")",
          pg::Values{answer.Text(0, 1), end.cursor}, stop));
      higher = compared.Bool(0, 0);
    }
    if (higher) end.cursor = answer.Text(0, 1);
    end.has_cursor = true;
  }
  if (end.seen.size() <= kMostSeen) return end;
  // What is not named is not taken, and comes with the next range.
  end.seen.resize(kMostSeen);
  end.rows = TRY(Count(connection, TRY(Between(connection, begin, end, stop)), stop));
  return end;
}

// Row versions that were not there, or not committed, at `begin`.
Result<std::string> Selection::After(pg::Connection& connection, const Place& begin,
                                     std::stop_token stop) {
  Horizon now = TRY(Horizon::Of(connection, stop));
  int64_t age = now.AgeOf(begin.xid);
  if (begin.xid > now.xmax || age > kFarthest) {
    return Invalid(
        "the server's transaction numbers do not go on from those of the last commit: it "
        "was set back, or too much happened since",
        kReadAgain);
  }
  std::string old = "age(t.xmin) > " + std::to_string(age) + " OR age(t.xmin) < 0";
  if (begin.file != file_ && begin.has_cursor) {
    pg::Answer kept = TRY(connection.Run("SELECT EXISTS (SELECT 1 FROM " + From() + " WHERE " +
                                             old + "), EXISTS (SELECT 1 FROM " + From() + ")",
                                         stop));
    if (!kept.Bool(0, 0) && kept.Bool(0, 1)) {
      return Invalid(
          config_->table +
              " was rewritten since it was read (ALTER TABLE, TRUNCATE): which of its rows "
              "are new is not known any more",
          kReadAgain);
    }
  }
  std::string condition = "age(t.xmin) BETWEEN 0 AND " + std::to_string(age);
  if (!begin.seen.empty()) condition += " AND t.xmin <> ALL(" + XidArray(begin.seen) + ")";
  if (begin.has_cursor && !config_->lookback.empty())
    condition += " AND t." + SqlName(config_->cursor) + " > " + Since(begin);
  return condition;
}

Result<std::string> Selection::Between(pg::Connection& connection,
                                       const std::optional<Place>& begin,
                                       const std::optional<Place>& end, std::stop_token stop) {
  std::string identity = TRY(Identity(connection, stop));
  if (begin) TRY(SameTable(*begin, identity));
  if (end && !end->table.empty()) TRY(SameTable(*end, identity));
  std::vector<std::string> conditions;
  std::string cursor = config_->cursor.empty() ? "" : "t." + SqlName(config_->cursor);
  if (kind_ == PlaceKind::kTransactions) {
    if (begin) conditions.push_back(TRY(After(connection, *begin, stop)));
    if (end) {
      Horizon now = TRY(Horizon::Of(connection, stop));
      int64_t age = now.AgeOf(end->xid);
      if (end->xid > now.xmax || age > kFarthest)
        return Invalid("the server was set back since this range was planned", kReadAgain);
      std::string until = "age(t.xmin) > " + std::to_string(age) + " OR age(t.xmin) < 0";
      if (!end->seen.empty()) until += " OR t.xmin = ANY(" + XidArray(end->seen) + ")";
      conditions.push_back("(" + until + ")");
    }
  } else if (kind_ == PlaceKind::kCursor) {
    if (begin && begin->has_cursor) conditions.push_back(cursor + " > " + Since(*begin));
    if (end && end->has_cursor) {
      std::string until =
          cursor + " <= CAST(" + SqlLiteral(end->cursor) + " AS " + cursor_type_ + ")";
      // Rows without a value come once, with the first reading.
      conditions.push_back(begin ? until : "(" + until + " OR " + cursor + " IS NULL)");
    }
  }
  return Join(conditions, " AND ");
}

Result<int64_t> Selection::Count(pg::Connection& connection, const std::string& condition,
                                 std::stop_token stop) {
  std::string where = condition.empty() ? "" : " WHERE " + condition;
  return TRY(connection.Run("SELECT count(*) FROM " + From() + where, stop)).Number(0, 0);
}

Status Selection::LeaveOutGenerated(pg::Connection& connection, std::stop_token stop) {
  pg::Answer answer =
      TRY(connection.Run("SELECT attname FROM pg_attribute WHERE attrelid = " + oid_ +
                             " AND attnum > 0 AND NOT attisdropped AND attgenerated <> ''",
                         stop));
  for (int row = 0; row < answer.rows(); ++row) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name != answer.Text(row, 0)) continue;
      columns_.erase(columns_.begin() + static_cast<std::ptrdiff_t>(i));
      list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
  }
  return Status::Ok();
}

void Selection::Add(SourceColumn column, const std::string& expression) {
  list_.push_back(expression + " AS " + SqlName(column.name));
  columns_.push_back(std::move(column));
}

std::string Selection::Select(const std::string& condition, const std::string& more) const {
  std::vector<std::string> conditions;
  for (const std::string& each : {condition, more}) {
    if (!each.empty()) conditions.push_back("(" + each + ")");
  }
  std::string where = conditions.empty() ? "" : " WHERE " + Join(conditions, " AND ");
  return "SELECT " + Join(list_, ", ") + " FROM " + From() + where;
}

}  // namespace millrace::postgres
