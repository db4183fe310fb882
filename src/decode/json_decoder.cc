#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "base/text.h"
#include "data/column_builder.h"
#include "decode/record_decoders.h"
#include "decode/text_value.h"

namespace millrace {

namespace {

namespace ondemand = simdjson::ondemand;
using Value = ondemand::value;
using JsonType = ondemand::json_type;

constexpr size_t kFrame = 5;        // Confluent's: a zero and the schema's id
constexpr size_t kMostShown = 100;  // bytes of a value in a message
constexpr size_t kDeepest = 256;    // of values that are only looked through

// Where the members of an object go; a list's or map's children likewise.
struct Target {
  explicit Target(const Column& column, ColumnBuilder& out) : name(column.name), out(out) {
    for (size_t i = 0; i < column.type.children.size(); ++i)
      AddMember(column.type.children[i], out.child(i));
  }
  void AddMember(const Column& column, ColumnBuilder& builder) {
    members.push_back(std::make_unique<Target>(column, builder));
    by_name.emplace(column.name, members.size() - 1);
  }

  const std::string name;
  ColumnBuilder& out;
  std::vector<std::unique_ptr<Target>> members;
  std::map<std::string, size_t, std::less<>> by_name;
};

std::string_view Trimmed(std::string_view token) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t'))
    token.remove_suffix(1);
  return token;
}

// RFC 8259, section 6: a number of any size is JSON.
bool IsNumber(std::string_view text) {
  auto digits = [&] {
    size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end > 0;
  };
  auto take = [&](std::string_view any) {
    bool found = !text.empty() && any.find(text[0]) != any.npos;
    text.remove_prefix(found);
    return found;
  };
  take("-");
  bool zero = text.starts_with('0');
  if (zero ? !take("0") : !digits()) return false;
  if (take(".") && !digits()) return false;
  if (take("eE") && (take("+-"), !digits())) return false;
  return text.empty();
}

// Reads one record at a time. False: the record is wrong; what() says how.
class Reader {
 public:
  Reader(UnknownMembers unknown, EpochUnit epoch) : unknown_(unknown), epoch_(epoch) {}

  bool ReadObject(ondemand::object object, const std::vector<std::unique_ptr<Target>>& members,
                  const std::map<std::string, size_t, std::less<>>& by_name, int64_t row);
  bool Read(Value value, Target& target);
  bool LookThrough(Value value, size_t depth);

  void Begin() {
    path_.clear();
    what_.clear();
  }
  // "$.address.zip: 'x' is no BIGINT"; "" when JSON itself is wrong.
  std::string what() const { return what_.empty() ? "" : "$" + path_ + ": " + what_; }

 private:
  bool ReadMember(Value value, Target& target, int64_t row) {
    if (target.out.length() > row) target.out.Truncate(row);  // twice: the last one counts
    if (Read(value, target)) return true;
    path_.insert(0, "." + target.name);
    return false;
  }
  bool ReadStruct(Value value, Target& target);
  bool ReadList(Value value, Target& target);
  bool ReadMap(Value value, Target& target);
  bool ReadText(Value value, Target& target);
  bool ReadScalar(Value value, Target& target);
  bool Misfit(std::string_view shown, const Target& target) {
    if (what_.empty()) {
      what_ = CutText(std::string(shown.substr(0, 4 * kMostShown)), kMostShown) + " is no " +
              target.out.type().ToSql();
    }
    return false;
  }
  bool Misfit(Value& value, const Target& target) {
    std::string_view token = Trimmed(value.raw_json_token());
    if (token.starts_with('{')) token = "an object";
    if (token.starts_with('[')) token = "a list";
    return Misfit(token, target);
  }

  const UnknownMembers unknown_;
  const EpochUnit epoch_;
  std::string path_, what_;
};

bool Reader::ReadObject(ondemand::object object,
                        const std::vector<std::unique_ptr<Target>>& members,
                        const std::map<std::string, size_t, std::less<>>& by_name, int64_t row) {
  size_t expected = 0;  // members mostly come in the same order
  size_t found = 0;
  for (auto each : object) {
    ondemand::field field;
    if (std::move(each).get(field) != simdjson::SUCCESS) return false;
    size_t index = expected;
    if (index >= members.size() || !field.key().unsafe_is_equal(members[index]->name)) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
      auto known = by_name.find(key);
      if (known == by_name.end()) {
        if (unknown_ == UnknownMembers::kReject) {
          what_ = "there is no column for the member '" + CutText(std::string(key), 100) + "'";
          return false;
        }
        if (!LookThrough(field.value(), 0)) return false;
        continue;
      }
      index = known->second;
    }
    expected = index + 1;
    found += members[index]->out.length() == row;
    if (!ReadMember(field.value(), *members[index], row)) return false;
  }
  if (found == members.size()) return true;
  for (const auto& member : members) {
    if (member->out.length() == row) member->out.AppendNull();
  }
  return true;
}

bool Reader::Read(Value value, Target& target) {
  JsonType type;
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  if (type == JsonType::null) {
    bool null = false;
    if (value.is_null().get(null) != simdjson::SUCCESS || !null) return false;
    target.out.AppendNull();
    return true;
  }
  switch (target.out.type().kind) {
    case TypeKind::kStruct: return ReadStruct(value, target);
    case TypeKind::kList: return ReadList(value, target);
    case TypeKind::kMap: return ReadMap(value, target);
    case TypeKind::kVarchar: return ReadText(value, target);
    case TypeKind::kBigInt: {
      int64_t number = 0;
      if (type != JsonType::number || value.get_int64().get(number) != simdjson::SUCCESS) break;
      target.out.AppendInt(number);
      return true;
    }
    case TypeKind::kDouble: {
      double number = 0;
      if (type != JsonType::number || value.get_double().get(number) != simdjson::SUCCESS) break;
      target.out.AppendDouble(number);
      return true;
    }
    default: break;
  }
  return ReadScalar(value, target);
}

bool Reader::ReadStruct(Value value, Target& target) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return Misfit(value, target);
  if (!ReadObject(object, target.members, target.by_name, target.out.length())) return false;
  target.out.EndStruct();
  return true;
}

bool Reader::ReadList(Value value, Target& target) {
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return Misfit(value, target);
  int64_t index = 0;
  for (auto each : array) {
    Value element;
    if (std::move(each).get(element) != simdjson::SUCCESS) return false;
    if (!Read(element, *target.members[0])) {
      path_.insert(0, "[" + std::to_string(index) + "]");
      return false;
    }
    ++index;
  }
  target.out.EndList();
  return true;
}

bool Reader::ReadMap(Value value, Target& target) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return Misfit(value, target);
  Target& keys = *target.members[0];
  int64_t begin = keys.out.length();
  for (auto each : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(each).get(field) != simdjson::SUCCESS) return false;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
    if (!AppendText(key, epoch_, keys.out))
      return Misfit("the key '" + std::string(key) + "'", keys);
    std::string name(key);
    if (!Read(field.value(), *target.members[1])) {
      path_.insert(0, "." + CutText(std::move(name), kMostShown));
      return false;
    }
  }
  if (keys.out.HasTwice(begin)) {
    what_ = "a key is there twice";
    return false;
  }
  target.out.EndList();
  return true;
}

// Text as it is; of anything else its JSON.
bool Reader::ReadText(Value value, Target& target) {
  JsonType type;
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  std::string_view text;
  switch (type) {
    case JsonType::string:
      if (value.get_string().get(text) != simdjson::SUCCESS) return false;
      break;
    case JsonType::object:
    case JsonType::array: {
      const char* begin = value.raw_json_token().data();
      if (!LookThrough(value, 0)) return false;
      // What was looked through ends before the next token, which is a comma or bracket.
      const char* end = begin;
      size_t depth = 0;
      for (bool quoted = false;; ++end) {
        if (quoted && *end == '\\') {
          ++end;
        } else if (*end == '"') {
          quoted = !quoted;
        } else if (!quoted && (*end == '{' || *end == '[')) {
          ++depth;
        } else if (!quoted && (*end == '}' || *end == ']') && --depth == 0) {
          break;
        }
      }
      text = std::string_view(begin, static_cast<size_t>(end + 1 - begin));
      break;
    }
    default:
      text = Trimmed(value.raw_json_token());
      if (!LookThrough(value, 0)) return false;
  }
  target.out.AppendBytes(text);
  return true;
}

bool Reader::ReadScalar(Value value, Target& target) {
  JsonType type;
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  std::string_view token = Trimmed(value.raw_json_token());
  if (type == JsonType::object || type == JsonType::array) return Misfit(value, target);
  bool is_boolean = target.out.type().kind == TypeKind::kBoolean;
  if (type == JsonType::boolean) {
    bool flag = false;
    if (value.get_bool().get(flag) != simdjson::SUCCESS) return false;
    if (!is_boolean) return Misfit(token, target);
    target.out.AppendBool(flag);
    return true;
  }
  std::string_view text = token;
  if (type == JsonType::number) {
    bool is_blob = target.out.type().kind == TypeKind::kBlob;
    if (is_blob || !LookThrough(value, 0)) return is_blob && Misfit(token, target);
  } else if (value.get_string().get(text) != simdjson::SUCCESS) {
    return false;
  }
  return AppendText(text, epoch_, target.out) || Misfit(token, target);
}

// Whether it is JSON: On Demand looks only at what is asked for.
bool Reader::LookThrough(Value value, size_t depth) {
  JsonType type;
  if (depth > kDeepest || value.type().get(type) != simdjson::SUCCESS) return false;
  switch (type) {
    case JsonType::object: {
      ondemand::object object;
      if (value.get_object().get(object) != simdjson::SUCCESS) return false;
      for (auto each : object) {
        ondemand::field field;
        std::string_view key;
        if (std::move(each).get(field) != simdjson::SUCCESS ||
            field.unescaped_key().get(key) != simdjson::SUCCESS ||
            !LookThrough(field.value(), depth + 1))
          return false;
      }
      return true;
    }
    case JsonType::array: {
      ondemand::array array;
      if (value.get_array().get(array) != simdjson::SUCCESS) return false;
      for (auto each : array) {
        Value element;
        if (std::move(each).get(element) != simdjson::SUCCESS || !LookThrough(element, depth + 1))
          return false;
      }
      return true;
    }
    case JsonType::string: return value.get_string().error() == simdjson::SUCCESS;
    case JsonType::boolean: return value.get_bool().error() == simdjson::SUCCESS;
    case JsonType::null: return value.is_null().value_unsafe();
    case JsonType::number:
      return value.get_double().error() == simdjson::SUCCESS ||
             IsNumber(Trimmed(value.raw_json_token()));
  }
  return false;
}

class JsonDecoder final : public RecordDecoder {
 public:
  JsonDecoder(const RecordReading& config, bool framed)
      : config_(config),
        framed_(framed),
        whole_(config.columns.columns.empty()),
        rows_(SchemaOf(config)),
        reader_(config.unknown, config.epoch) {
    for (size_t i = 0; i < rows_.schema().columns.size(); ++i) {
      const Column& column = rows_.schema().columns[i];
      members_.push_back(std::make_unique<Target>(column, rows_.column(i)));
      by_name_.emplace(column.name, i);
    }
  }

  const Schema& schema() const override { return rows_.schema(); }
  int64_t count() const override { return rows_.count(); }
  Result<Rows> Take() override { return rows_.Take(); }

  Status AddNull() override {
    for (const auto& member : members_) member->out.AppendNull();
    return rows_.EndRow();
  }

  Status Add(std::string_view record, std::stop_token) override {
    TRY(CheckLength(record, config_));
    // No JSON begins with a zero.
    if (framed_ && record.size() >= kFrame && record[0] == '\0') record.remove_prefix(kFrame);
    size_t room = record.size() + simdjson::SIMDJSON_PADDING;
    if (padded_.size() < room) padded_.resize(2 * room);
    if (!record.empty()) std::memcpy(padded_.data(), record.data(), record.size());
    std::memset(padded_.data() + record.size(), 0, simdjson::SIMDJSON_PADDING);
    reader_.Begin();
    if (Read(record)) return rows_.EndRow();
    rows_.Rollback();
    return Rejection(record);
  }

 private:
  static Schema SchemaOf(const RecordReading& config) {
    if (!config.columns.columns.empty()) return config.columns;
    return {{{"value", {.kind = TypeKind::kVarchar}}}};
  }

  bool Read(std::string_view record) {
    ondemand::document document;
    if (parser_.iterate(padded_.data(), record.size(), padded_.size()).get(document) !=
        simdjson::SUCCESS)
      return false;
    if (whole_) return ReadWhole(record, document);
    ondemand::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) return false;
    return reader_.ReadObject(object, members_, by_name_, rows_.count()) &&
           document.current_location().error() == simdjson::OUT_OF_BOUNDS;  // nothing follows
  }

  bool ReadWhole(std::string_view record, ondemand::document& document) {
    auto error = dom_.parse(padded_.data(), record.size(), false).error();
    // A number may be longer than the parser takes.
    Value value;
    bool sound = error == simdjson::SUCCESS;
    if (error == simdjson::NUMBER_ERROR) {
      sound = document.get_value().get(value) == simdjson::SUCCESS ? reader_.LookThrough(value, 0)
                                                                   : IsNumber(Trim(record));
    }
    if (sound) members_[0]->out.AppendBytes(record);
    return sound;
  }

  // Told by a parser that looks at all of it.
  Status Rejection(std::string_view record) {
    simdjson::dom::element element;
    auto error = dom_.parse(padded_.data(), record.size(), false).get(element);
    std::string what;
    if (error == simdjson::UTF8_ERROR) {
      what = "it is not UTF-8";
    } else if (error == simdjson::EMPTY) {
      what = "it is empty";
    } else if (error == simdjson::SUCCESS && !element.is_object()) {
      what = "it is JSON, but no object";
    } else if (error == simdjson::SUCCESS || error == simdjson::NUMBER_ERROR) {
      what = reader_.what();
    }
    if (what.empty()) what = "it is not valid JSON";
    return {Code::kRejected, what};
  }

  const RecordReading config_;
  const bool framed_, whole_;
  BatchBuilder rows_;
  Reader reader_;
  std::vector<std::unique_ptr<Target>> members_;
  std::map<std::string, size_t, std::less<>> by_name_;
  ondemand::parser parser_;
  simdjson::dom::parser dom_;
  std::vector<char> padded_;
};

}  // namespace

std::unique_ptr<RecordDecoder> MakeJsonDecoder(const RecordReading& config, bool framed) {
  return std::make_unique<JsonDecoder>(config, framed);
}

}  // namespace millrace
