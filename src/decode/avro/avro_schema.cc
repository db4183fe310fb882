#include "decode/avro/avro_schema.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "data/value_text.h"

namespace millrace::avro {

namespace {

constexpr int kDeepest = 64;  // types in each other
constexpr int kDeepestJson = 256;
constexpr size_t kMostNodes = 50'000;

constexpr std::pair<std::string_view, Kind> kPrimitives[] = {
    {"null", Kind::kNull},   {"boolean", Kind::kBoolean}, {"int", Kind::kInt},
    {"long", Kind::kLong},   {"float", Kind::kFloat},     {"double", Kind::kDouble},
    {"bytes", Kind::kBytes}, {"string", Kind::kString}};

struct LogicalName {
  std::string_view name;
  Logical logical;
  Kind base;
};
constexpr LogicalName kLogicals[] = {
    {"decimal", Logical::kDecimal, Kind::kBytes},
    {"decimal", Logical::kDecimal, Kind::kFixed},
    {"date", Logical::kDate, Kind::kInt},
    {"time-millis", Logical::kTimeMillis, Kind::kInt},
    {"time-micros", Logical::kTimeMicros, Kind::kLong},
    {"timestamp-millis", Logical::kTimestampMillis, Kind::kLong},
    {"timestamp-micros", Logical::kTimestampMicros, Kind::kLong},
    {"timestamp-nanos", Logical::kTimestampNanos, Kind::kLong},
    {"local-timestamp-millis", Logical::kLocalTimestampMillis, Kind::kLong},
    {"local-timestamp-micros", Logical::kLocalTimestampMicros, Kind::kLong},
    {"local-timestamp-nanos", Logical::kLocalTimestampNanos, Kind::kLong},
    {"uuid", Logical::kUuid, Kind::kString},
    {"uuid", Logical::kUuid, Kind::kFixed},
    {"duration", Logical::kDuration, Kind::kFixed}};

// Before a parser that recurses sees it.
bool IsTooDeep(std::string_view json) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == '{' || c == '[') && ++depth > kDeepestJson)
      return true;
    else if (!quoted && (c == '}' || c == ']'))
      --depth;
  }
  return false;
}

std::string TextOf(const Json& json, const char* name) {
  auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t NumberOf(const Json& json, const char* name, int64_t otherwise) {
  auto found = json.find(name);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : otherwise;
}

std::vector<std::string> TextsOf(const Json& json, const char* name) {
  std::vector<std::string> texts;
  auto found = json.find(name);
  if (found == json.end() || !found->is_array()) return texts;
  for (const Json& each : *found) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

// Digits that a signed number of so many bytes holds.
int DigitsOf(int64_t bytes) {
  return static_cast<int>(std::min<int64_t>(bytes, 20) * 8 * 301 / 1000);
}

// Avro ignores a logical type that does not fit what carries it.
bool Fits(const Node& node) {
  if (node.logical == Logical::kUuid && node.kind == Kind::kFixed) return node.size == 16;
  if (node.logical == Logical::kDuration) return node.size == 12;
  if (node.logical != Logical::kDecimal) return true;
  bool room = node.kind != Kind::kFixed || node.precision <= DigitsOf(node.size);
  return room && node.precision > 0 && node.scale >= 0 && node.scale <= node.precision;
}

bool IsFullName(std::string_view name) {
  for (const std::string& part : Split(name, '.')) {
    if (!IsName(part)) return false;
  }
  return true;
}

}  // namespace

class SchemaParser {
 public:
  explicit SchemaParser(AvroSchema& schema) : schema_(schema) {}

  Result<int> ParseText(std::string_view text) {
    if (IsTooDeep(text)) return Invalid("the schema is nested too deeply");
    Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return Invalid("the schema is not valid JSON");
    return Parse(json, "", 0);
  }

 private:
  Result<int> Parse(const Json& json, const std::string& space, int depth) {
    if (depth > kDeepest) return Invalid("the schema is nested too deeply");
    if (schema_.nodes_.size() >= kMostNodes) return Invalid("the schema has too many types");
    if (json.is_string()) return ParseName(json.get<std::string>(), space);
    if (json.is_array()) return ParseUnion(json, space, depth);
    if (!json.is_object()) return Invalid("a type is neither a name nor an object nor a list");
    auto type = json.find("type");
    if (type == json.end()) return Invalid("a type has no 'type'");
    if (!type->is_string()) return Parse(*type, space, depth + 1);
    std::string name = type->get<std::string>();
    if (name == "record" || name == "error") return ParseRecord(json, space, depth);
    if (name == "enum") return ParseEnum(json, space);
    if (name == "fixed") return ParseFixed(json, space);
    if (name == "array") return ParseElements(json, "items", Kind::kArray, space, depth);
    if (name == "map") return ParseElements(json, "values", Kind::kMap, space, depth);
    for (const auto& [primitive, kind] : kPrimitives) {
      if (primitive != name) continue;
      Node node{.kind = kind};
      AddLogical(json, node);
      return Add(std::move(node));
    }
    return ParseName(name, space);
  }

  Result<int> ParseName(const std::string& name, const std::string& space) {
    for (const auto& [primitive, kind] : kPrimitives) {
      if (primitive == name) return Add({.kind = kind});
    }
    bool full = name.find('.') != name.npos || space.empty();
    auto known = names_.find(full ? name : space + "." + name);
    if (known == names_.end()) known = names_.find(name);
    if (known == names_.end()) return Invalid("the schema names a type it does not have: " + name);
    return known->second;
  }

  Result<int> ParseUnion(const Json& json, const std::string& space, int depth) {
    Node node{.kind = Kind::kUnion};
    std::vector<std::string> seen;
    for (const Json& branch : json) {
      int type = TRY(Parse(branch, space, depth + 1));
      if (schema_[type].kind == Kind::kUnion) return Invalid("a union holds a union");
      std::string name = schema_.NameOf(type);
      if (std::ranges::find(seen, name) != seen.end())
        return Invalid("a union has " + name + " twice");
      seen.push_back(std::move(name));
      node.types.push_back(type);
    }
    if (node.types.empty()) return Invalid("a union has no types");
    return Add(std::move(node));
  }

  Result<int> ParseElements(const Json& json, const char* member, Kind kind,
                            const std::string& space, int depth) {
    auto elements = json.find(member);
    if (elements == json.end())
      return Invalid(std::string("an array or a map has no '") + member + "'");
    Node node{.kind = kind};
    node.types.push_back(TRY(Parse(*elements, space, depth + 1)));
    return Add(std::move(node));
  }

  // Sets name and aliases; gives the namespace for what is inside.
  Result<std::string> ReadNames(const Json& json, const std::string& outer, Node& node) {
    std::string name = TextOf(json, "name"), space = TextOf(json, "namespace");
    if (json.find("namespace") == json.end()) space = outer;
    size_t dot = name.rfind('.');
    if (dot != name.npos) space = name.substr(0, dot);
    auto full = [&](const std::string& one) {
      return one.find('.') != one.npos || space.empty() ? one : space + "." + one;
    };
    node.name = full(name);
    if (!IsFullName(node.name)) return Invalid("'" + CutText(node.name, 200) + "' is no name");
    for (const std::string& alias : TextsOf(json, "aliases")) node.aliases.push_back(full(alias));
    return space;
  }

  Result<int> AddNamed(Node node) {
    std::string name = node.name;
    int type = Add(std::move(node));
    if (!names_.emplace(name, type).second) return Invalid("the schema has " + name + " twice");
    return type;
  }

  Result<int> ParseRecord(const Json& json, const std::string& outer, int depth) {
    Node node{.kind = Kind::kRecord};
    std::string space = TRY(ReadNames(json, outer, node));
    std::string name = node.name;
    int type = TRY(AddNamed(std::move(node)));  // before its fields: they may name it
    auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array()) return Invalid(name + " has no fields");
    std::vector<Field> read;
    for (const Json& each : *fields) {
      if (!each.is_object()) return Invalid(name + " has a field that is none");
      Field field{.name = TextOf(each, "name"), .aliases = TextsOf(each, "aliases")};
      if (!IsName(field.name))
        return Invalid(name + ": '" + CutText(field.name, 200) + "' is no name of a field");
      bool twice = std::ranges::any_of(read, [&](const Field& f) { return f.name == field.name; });
      if (twice) return Invalid(name + " has the field '" + field.name + "' twice");
      auto its_type = each.find("type");
      if (its_type == each.end()) return Invalid(name + "." + field.name + " has no type");
      Result<int> parsed = Parse(*its_type, space, depth + 1);
      if (!parsed.ok()) return depth > 0 ? parsed : parsed.status().In(name + "." + field.name);
      field.type = *parsed;
      auto standard = each.find("default");
      if (standard != each.end())
        field.default_json = standard->dump(-1, ' ', false, Json::error_handler_t::replace);
      read.push_back(std::move(field));
    }
    schema_.nodes_[static_cast<size_t>(type)].fields = std::move(read);
    return type;
  }

  Result<int> ParseEnum(const Json& json, const std::string& outer) {
    Node node{.kind = Kind::kEnum, .symbols = TextsOf(json, "symbols")};
    TRY(ReadNames(json, outer, node));
    std::string standard = TextOf(json, "default");
    if (std::ranges::find(node.symbols, standard) != node.symbols.end())
      node.default_symbol = standard;
    return AddNamed(std::move(node));
  }

  Result<int> ParseFixed(const Json& json, const std::string& outer) {
    Node node{.kind = Kind::kFixed, .size = NumberOf(json, "size", -1)};
    TRY(ReadNames(json, outer, node));
    if (node.size < 0 || node.size > INT32_MAX) return Invalid(node.name + " has no size");
    AddLogical(json, node);
    return AddNamed(std::move(node));
  }

  void AddLogical(const Json& json, Node& node) {
    std::string name = TextOf(json, "logicalType");
    for (const LogicalName& each : kLogicals) {
      if (each.name == name && each.base == node.kind) node.logical = each.logical;
    }
    if (node.logical == Logical::kDecimal) {
      node.precision =
          static_cast<int>(std::clamp<int64_t>(NumberOf(json, "precision", 0), 0, 999));
      node.scale = static_cast<int>(std::clamp<int64_t>(NumberOf(json, "scale", 0), -1, 1000));
    }
    if (!Fits(node)) node.logical = Logical::kNone;
  }

  int Add(Node node) {
    schema_.nodes_.push_back(std::move(node));
    return static_cast<int>(schema_.nodes_.size()) - 1;
  }

  AvroSchema& schema_;
  std::map<std::string, int> names_;
};

Result<AvroSchema> AvroSchema::Parse(std::string_view text,
                                     const std::vector<std::string>& references) {
  AvroSchema schema;
  SchemaParser parser(schema);
  for (const std::string& reference : references) TRY(parser.ParseText(reference));
  schema.root_ = TRY(parser.ParseText(text));
  return schema;
}

std::string AvroSchema::NameOf(int type) const {
  const Node& node = (*this)[type];
  if (!node.name.empty()) return node.name;
  for (const auto& [name, kind] : kPrimitives) {
    if (kind == node.kind) return std::string(name);
  }
  return node.kind == Kind::kArray ? "array" : node.kind == Kind::kMap ? "map" : "union";
}

std::vector<int> AvroSchema::Branches(int type) const {
  const Node& node = (*this)[type];
  std::vector<int> branches = node.kind == Kind::kUnion ? node.types : std::vector<int>{type};
  std::erase_if(branches, [&](int branch) { return (*this)[branch].kind == Kind::kNull; });
  return branches;
}

bool AvroSchema::IsNullable(int type) const {
  const Node& node = (*this)[type];
  auto is_null = [&](int branch) { return (*this)[branch].kind == Kind::kNull; };
  return is_null(type) || std::ranges::any_of(node.types, [&](int branch) {
           return node.kind == Kind::kUnion && is_null(branch);
         });
}

std::string_view ShortName(std::string_view name) { return name.substr(name.rfind('.') + 1); }

void AppendLong(std::string& out, int64_t value) {
  uint64_t rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7) out += static_cast<char>(rest | 0x80);
  out += static_cast<char>(rest);
}

}  // namespace millrace::avro
