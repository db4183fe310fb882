#include <map>
#include <vector>

#include "base/text.h"
#include "data/column_builder.h"
#include "data/value_text.h"
#include "decode/json_tokens.h"
#include "decode/record_decoders.h"
#include "decode/text_value.h"

namespace millrace {

namespace {

constexpr size_t kFrame = 5;        // Confluent's: a zero and the schema's id
constexpr size_t kMostShown = 100;  // bytes of a value in a message

// Where the members of an object go; a list's or map's children likewise.
struct Target {
  explicit Target(const Column& column, ColumnBuilder& out)
      : name(column.name),
        is_plain(name.find_first_of("\\\"") == name.npos),
        kind(column.type.kind),
        out(out) {
    for (size_t i = 0; i < column.type.children.size(); ++i)
      AddMember(column.type.children[i], out.child(i));
  }
  Target(const Schema& schema, BatchBuilder& rows)
      : is_plain(true), kind(TypeKind::kStruct), out(rows.column(0)) {
    for (size_t i = 0; i < schema.columns.size(); ++i) AddMember(schema.columns[i], rows.column(i));
  }
  void AddMember(const Column& column, ColumnBuilder& builder) {
    members.push_back(std::make_unique<Target>(column, builder));
    by_name.emplace(column.name, members.size() - 1);
  }

  const std::string name;
  const bool is_plain;  // nothing in the name would be escaped
  const TypeKind kind;
  ColumnBuilder& out;  // of the whole row: any
  std::vector<std::unique_ptr<Target>> members;
  std::map<std::string, size_t, std::less<>> by_name;
};

// Reads one record at a time. False: the record is wrong.
class Reader {
 public:
  Reader(UnknownMembers unknown, EpochUnit epoch) : unknown_(unknown), epoch_(epoch) {}

  bool ReadRecord(std::string_view record, Target& all, int64_t row) {
    path_.clear();
    what_.clear();
    return tokens_.Begin(record) && tokens_.Peek() == '{' && ReadMembers(all, row) &&
           tokens_.AtEnd();
  }
  bool IsJson(std::string_view record) { return tokens_.Begin(record) && tokens_.IsWhole(); }

  // After ReadRecord or IsJson said no.
  std::string What(std::string_view record) {
    if (!tokens_.Begin(record)) return tokens_.what();
    bool object = tokens_.Peek() == '{';
    if (!tokens_.IsWhole()) return "it is not valid JSON";
    return object ? "$" + path_ + ": " + what_ : "it is JSON, but no object";
  }

 private:
  bool ReadMembers(Target& target, int64_t row);
  bool ReadMember(Target& target, int64_t row) {
    if (target.out.length() > row) target.out.Truncate(row);  // twice: the last one counts
    if (Read(target)) return true;
    path_.insert(0, "." + target.name);
    return false;
  }
  // The member that the key stands for which comes; -1: there is none. `expected`: members mostly
  // come in the same order.
  bool Find(const Target& target, size_t expected, int& found);
  bool Read(Target& target);
  bool ReadList(Target& target);
  bool ReadMap(Target& target);
  bool ReadNested(Target& target);
  bool ReadString(Target& target);
  bool ReadScalar(Target& target);
  bool Misfit(std::string_view shown, const Target& target) {
    if (what_.empty()) {
      what_ = CutText(std::string(shown.substr(0, 4 * kMostShown)), kMostShown) + " is no " +
              target.out.type().ToSql();
    }
    return false;
  }

  const UnknownMembers unknown_;
  const EpochUnit epoch_;
  JsonTokens tokens_;
  std::string path_, what_, room_;
};

bool Reader::Find(const Target& target, size_t expected, int& found) {
  if (tokens_.Peek() != '"') return false;
  found = static_cast<int>(expected);
  if (expected < target.members.size()) {
    const Target& member = *target.members[expected];
    if (member.is_plain && tokens_.TakeName(member.name)) return true;
  }
  std::string_view text;
  if (!JsonTokens::Text(tokens_.Next(), room_, text)) return false;
  auto known = target.by_name.find(text);
  found = known == target.by_name.end() ? -1 : static_cast<int>(known->second);
  if (found < 0 && unknown_ == UnknownMembers::kReject) {
    what_ = "there is no column for the member '" + CutText(std::string(text), kMostShown) + "'";
    return false;
  }
  return true;
}

// The object that comes, whose members are the columns of a row or struct.
bool Reader::ReadMembers(Target& target, int64_t row) {
  tokens_.Take('{');
  size_t expected = 0, seen = 0;
  if (!tokens_.Take('}')) {
    do {
      int found = -1;
      if (!Find(target, expected, found) || !tokens_.Take(':')) return false;
      if (found < 0) {
        if (!tokens_.Skip()) return false;
        continue;
      }
      Target& member = *target.members[static_cast<size_t>(found)];
      expected = static_cast<size_t>(found) + 1;
      seen += member.out.length() == row;
      if (!ReadMember(member, row)) return false;
    } while (tokens_.Take(','));
    if (!tokens_.Take('}')) return false;
  }
  if (seen == target.members.size()) return true;
  for (const auto& member : target.members) {
    if (member->out.length() == row) member->out.AppendNull();
  }
  return true;
}

bool Reader::Read(Target& target) {
  switch (tokens_.Peek()) {
    case '"': return ReadString(target);
    case '{':
      if (target.kind == TypeKind::kMap) return ReadMap(target);
      if (target.kind != TypeKind::kStruct) return ReadNested(target);
      if (!ReadMembers(target, target.out.length())) return false;
      target.out.EndStruct();
      return true;
    case '[': return target.kind == TypeKind::kList ? ReadList(target) : ReadNested(target);
    case '\0':
    case '}':
    case ']':
    case ',':
    case ':': return false;
    default: return ReadScalar(target);
  }
}

bool Reader::ReadList(Target& target) {
  tokens_.Take('[');
  if (!tokens_.Take(']')) {
    int64_t index = 0;
    do {
      if (!Read(*target.members[0])) {
        path_.insert(0, "[" + std::to_string(index) + "]");
        return false;
      }
      ++index;
    } while (tokens_.Take(','));
    if (!tokens_.Take(']')) return false;
  }
  target.out.EndList();
  return true;
}

bool Reader::ReadMap(Target& target) {
  Target& keys = *target.members[0];
  int64_t begin = keys.out.length();
  tokens_.Take('{');
  if (!tokens_.Take('}')) {
    do {
      std::string_view token, key;
      if (tokens_.Peek() != '"') return false;
      token = tokens_.Next();
      if (!JsonTokens::Text(token, room_, key) || !tokens_.Take(':')) return false;
      if (!AppendText(key, epoch_, keys.out)) return Misfit("the key " + std::string(token), keys);
      if (!Read(*target.members[1])) {
        path_.insert(0, "." + CutText(std::string(token.substr(1, token.size() - 2)), kMostShown));
        return false;
      }
    } while (tokens_.Take(','));
    if (!tokens_.Take('}')) return false;
  }
  if (keys.out.HasTwice(begin)) {
    what_ = "a key is there twice";
    return false;
  }
  target.out.EndList();
  return true;
}

// A text column takes an object or a list as JSON.
bool Reader::ReadNested(Target& target) {
  if (target.kind != TypeKind::kVarchar)
    return Misfit(tokens_.Peek() == '{' ? "an object" : "a list", target);
  const char* begin = tokens_.position();
  if (!tokens_.Skip()) return false;
  const char* end = tokens_.position();  // of what comes behind, a comma or bracket
  std::string_view text(begin, static_cast<size_t>(end - begin));
  text.remove_suffix(text.size() - text.find_last_of("]}") - 1);
  target.out.AppendBytes(text);
  return true;
}

bool Reader::ReadString(Target& target) {
  std::string_view token = tokens_.Next(), text;
  if (!JsonTokens::Text(token, room_, text)) return false;
  if (target.kind == TypeKind::kVarchar) {
    target.out.AppendBytes(text);
    return true;
  }
  return AppendText(text, epoch_, target.out) || Misfit(token, target);
}

bool Reader::ReadScalar(Target& target) {
  std::string_view token = tokens_.Next();
  if (token == "null") {
    target.out.AppendNull();
    return true;
  }
  bool is_word = token == "true" || token == "false";
  if (!is_word && !IsJsonNumber(token)) return false;
  bool fits = is_word ? target.kind == TypeKind::kBoolean || target.kind == TypeKind::kVarchar
                      : target.kind != TypeKind::kBlob;
  return (fits && AppendText(token, epoch_, target.out)) || Misfit(token, target);
}

class JsonDecoder final : public RecordDecoder {
 public:
  JsonDecoder(const RecordReading& config, bool framed)
      : config_(config),
        framed_(framed),
        whole_(config.columns.columns.empty()),
        rows_(SchemaOf(config)),
        all_(rows_.schema(), rows_),
        reader_(config.unknown, config.epoch) {}

  const Schema& schema() const override { return rows_.schema(); }
  int64_t count() const override { return rows_.count(); }
  Result<Rows> Take() override { return rows_.Take(); }

  Status AddNull() override {
    for (const auto& member : all_.members) member->out.AppendNull();
    return rows_.EndRow();
  }

  Status Add(std::string_view record, const std::stop_token&) override {
    TRY(CheckLength(record, config_));
    // No JSON begins with a zero.
    if (framed_ && record.size() >= kFrame && record[0] == '\0') record.remove_prefix(kFrame);
    if (Read(record)) return rows_.EndRow();
    rows_.Rollback();
    return {Code::kRejected, reader_.What(record)};
  }

 private:
  static Schema SchemaOf(const RecordReading& config) {
    if (!config.columns.columns.empty()) return config.columns;
    return {{{"value", {.kind = TypeKind::kVarchar}}}};
  }

  bool Read(std::string_view record) {
    if (!whole_) return reader_.ReadRecord(record, all_, rows_.count());
    if (!reader_.IsJson(record)) return false;
    rows_.column(0).AppendBytes(record);
    return true;
  }

  const RecordReading config_;
  const bool framed_, whole_;
  BatchBuilder rows_;
  Target all_;
  Reader reader_;
};

}  // namespace

std::unique_ptr<RecordDecoder> MakeJsonDecoder(const RecordReading& config, bool framed) {
  return std::make_unique<JsonDecoder>(config, framed);
}

}  // namespace millrace
