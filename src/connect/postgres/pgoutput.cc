#include "connect/postgres/pgoutput.h"

#include <charconv>
#include <cstdio>

#include "connect/postgres/big_endian.h"
#include "connect/postgres/types.h"

namespace millrace::postgres {

namespace {

// Takes fields off the front; after one that is not there all are zero, and ok() is false.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T Int() {
    if (bytes_.size() < sizeof(T)) return Fail(), T{};
    T value = ReadInt<T>(bytes_.data());
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  char Char() { return static_cast<char>(Int<int8_t>()); }
  std::string_view Text() {  // up to a zero byte
    size_t end = bytes_.find('\0');
    if (end == bytes_.npos) return Fail(), std::string_view();
    std::string_view text = bytes_.substr(0, end);
    bytes_.remove_prefix(end + 1);
    return text;
  }
  std::string_view Bytes(int64_t size) {
    if (size < 0 || bytes_.size() < static_cast<size_t>(size)) return Fail(), std::string_view();
    std::string_view text = bytes_.substr(0, static_cast<size_t>(size));
    bytes_.remove_prefix(static_cast<size_t>(size));
    return text;
  }
  Time When() { return Time(Micros(Int<int64_t>() + kMicrosTo2000)); }
  char Peek() const { return bytes_.empty() ? '\0' : bytes_[0]; }
  std::string_view rest() const { return bytes_; }
  bool ok() const { return ok_; }

 private:
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }
  std::string_view bytes_;
  bool ok_ = true;
};

Status Broken(const char* what) {
  return Internal(std::string("logical replication sent a broken ") + what + " message");
}

Tuple TakeTuple(Fields& fields) {
  Tuple tuple;
  int count = fields.Int<int16_t>();
  for (int i = 0; i < count && fields.ok(); ++i) {
    Tuple::Value value{.kind = fields.Char()};
    if (value.kind == 't' || value.kind == 'b') value.text = fields.Bytes(fields.Int<int32_t>());
    tuple.values.push_back(value);
  }
  return tuple;
}

}  // namespace

std::string LsnText(Lsn lsn) {
  char text[32];
  std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(lsn >> 32),
                static_cast<unsigned>(lsn));
  return text;
}

Lsn ParseLsn(std::string_view text) {
  uint32_t high = 0, low = 0;
  auto [slash, error] = std::from_chars(text.data(), text.data() + text.size(), high, 16);
  if (error == std::errc() && slash != text.data() + text.size())
    std::from_chars(slash + 1, text.data() + text.size(), low, 16);
  return Lsn{high} << 32 | low;
}

Result<Begin> ParseBegin(std::string_view message) {
  Fields fields(message.substr(1));
  Begin begin{.commit = fields.Int<uint64_t>(), .time = fields.When()};
  fields.Int<uint32_t>();  // the transaction's number
  if (!fields.ok()) return Broken("Begin");
  return begin;
}

Result<Lsn> ParseCommit(std::string_view message) {
  Fields fields(message.substr(1));
  fields.Char();  // flags: none yet
  Lsn commit = fields.Int<uint64_t>();
  if (!fields.ok()) return Broken("Commit");
  return commit;
}

Result<Relation> ParseRelation(std::string_view message) {
  Fields fields(message.substr(1));
  Relation relation{.table = fields.Int<uint32_t>()};
  fields.Text();  // schema
  fields.Text();  // table
  fields.Char();  // replica identity
  int count = fields.Int<int16_t>();
  for (int i = 0; i < count && fields.ok(); ++i) {
    fields.Char();  // part of the key
    relation.columns.emplace_back(fields.Text());
    fields.Int<uint32_t>();  // type
    fields.Int<int32_t>();   // its modifier
  }
  if (!fields.ok()) return Broken("Relation");
  return relation;
}

Result<Change> ParseChange(std::string_view message) {
  Change change{.kind = message[0]};
  Fields fields(message.substr(1));
  if (change.kind == 'T') return change;
  change.table = fields.Int<uint32_t>();
  if (char kind = fields.Peek(); kind == 'K' || kind == 'O') {
    fields.Char();
    change.before = TakeTuple(fields);
    change.before_is_whole = kind == 'O';
  }
  if (fields.Peek() == 'N') {
    fields.Char();
    change.after = TakeTuple(fields);
  }
  bool whole = change.kind == 'D' ? change.before.has_value() : change.after.has_value();
  if (!fields.ok() || !whole) return Broken("change");
  return change;
}

bool Concerns(std::string_view message, uint32_t table) {
  Fields fields(message.substr(1));
  if (message[0] != 'T') return fields.Int<uint32_t>() == table;
  int count = fields.Int<int32_t>();
  fields.Char();  // CASCADE, RESTART IDENTITY
  for (int i = 0; i < count && fields.ok(); ++i) {
    if (fields.Int<uint32_t>() == table) return true;
  }
  return false;
}

std::string StatusUpdate(Lsn flushed, bool wants_reply, Time now) {
  std::string update = "r";
  for (int i = 0; i < 3; ++i) AppendInt<uint64_t>(flushed, update);  // written, flushed, applied
  AppendInt<int64_t>(now.time_since_epoch().count() - kMicrosTo2000, update);
  update += wants_reply ? '\1' : '\0';
  return update;
}

Result<WalData> ParseWalData(std::string_view message) {
  Fields fields(message.substr(1));
  if (message[0] == 'k') {
    WalData data{.end = fields.Int<uint64_t>()};
    fields.When();
    data.wants_reply = fields.Char() != 0;
    if (!fields.ok()) return Broken("keepalive");
    return data;
  }
  if (message[0] != 'w') return Broken("streaming");
  fields.Int<uint64_t>();  // where this begins
  fields
      .Int<uint64_t>();  // the end of the log: told again by keepalives, which count what was sent
  fields.When();
  if (!fields.ok() || fields.rest().empty()) return Broken("streaming");
  return WalData{.message = fields.rest()};
}

}  // namespace millrace::postgres
