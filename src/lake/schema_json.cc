#include "lake/schema_json.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <optional>
#include <utility>

#include "lake/json_text.h"

namespace millrace {

namespace {

constexpr std::pair<std::string_view, TypeKind> kPrimitives[] = {
    {"boolean", TypeKind::kBoolean},       {"byte", TypeKind::kTinyInt},
    {"short", TypeKind::kSmallInt},        {"integer", TypeKind::kInteger},
    {"long", TypeKind::kBigInt},           {"float", TypeKind::kFloat},
    {"double", TypeKind::kDouble},         {"string", TypeKind::kVarchar},
    {"binary", TypeKind::kBlob},           {"date", TypeKind::kDate},
    {"timestamp", TypeKind::kTimestampTz}, {"timestamp_ntz", TypeKind::kTimestamp},
};

// "decimal(10,2)", blanks allowed.
std::optional<Type> ParseDecimal(std::string_view text) {
  if (!text.starts_with("decimal(") || !text.ends_with(")")) return std::nullopt;
  text.remove_prefix(8);
  text.remove_suffix(1);
  Type type{TypeKind::kDecimal};
  for (int* part : {&type.precision, &type.scale}) {
    while (text.starts_with(' ') || text.starts_with(',')) text.remove_prefix(1);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *part);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
  }
  bool valid = text.empty() && type.precision >= 1 && type.precision <= 38 && type.scale >= 0 &&
               type.scale <= type.precision;
  return valid ? std::optional(type) : std::nullopt;
}

Result<Type> ParseType(const Json& json, const std::string& column);

Result<std::vector<Column>> ParseFields(const Json& json, const std::string& parent) {
  const Json* fields = Member(json, "fields");
  if (!fields || !fields->is_array()) return Invalid("the schema has a struct without fields");
  std::vector<Column> columns;
  for (const Json& field : *fields) {
    std::string name = TextMember(field, "name");
    const Json* type = Member(field, "type");
    if (name.empty() || !type) return Invalid("the schema has a field without name or type");
    std::string path = parent.empty() ? name : parent + "." + name;
    bool nullable = BoolMember(field, "nullable").value_or(true);
    columns.push_back({name, TRY(ParseType(*type, path)), nullable});
  }
  return columns;
}

Result<Column> ParsePart(const Json& json, const char* key, const char* name,
                         const std::string& column, bool nullable) {
  const Json* type = Member(json, key);
  if (!type) return Invalid("the type of column '" + column + "' lacks its " + key);
  return Column{name, TRY(ParseType(*type, column)), nullable};
}

Result<Type> ParseType(const Json& json, const std::string& column) {
  if (json.is_string()) {
    const std::string& name = json.get_ref<const std::string&>();
    for (const auto& [spelling, kind] : kPrimitives) {
      if (name == spelling) return Type{kind};
    }
    if (std::optional<Type> decimal = ParseDecimal(name)) return *decimal;
    return Invalid("column '" + column + "' has the type '" + name +
                   "', which Millrace does not read");
  }
  std::string kind = TextMember(json, "type");
  if (kind == "struct") {
    Type type{TypeKind::kStruct};
    type.children = TRY(ParseFields(json, column));
    if (type.children.empty()) return Invalid("column '" + column + "' is a struct without fields");
    return type;
  }
  if (kind == "array") {
    bool nullable = BoolMember(json, "containsNull").value_or(true);
    Type type{TypeKind::kList};
    type.children.push_back(TRY(ParsePart(json, "elementType", "element", column, nullable)));
    return type;
  }
  if (kind == "map") {
    bool nullable = BoolMember(json, "valueContainsNull").value_or(true);
    Type type{TypeKind::kMap};
    type.children.push_back(TRY(ParsePart(json, "keyType", "key", column, false)));
    type.children.push_back(TRY(ParsePart(json, "valueType", "value", column, nullable)));
    return type;
  }
  return Invalid("column '" + column +
                 "' has a type that Millrace does not read: " + PrintJson(json).substr(0, 80));
}

Json FieldsJson(const std::vector<Column>& columns, const Json* earlier);

Json TypeJson(const Type& type) {
  for (const auto& [spelling, kind] : kPrimitives) {
    if (type.kind == kind) return spelling;
  }
  switch (type.kind) {
    case TypeKind::kDecimal:
      return "decimal(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case TypeKind::kList:
      return {{"type", "array"},
              {"elementType", TypeJson(type.children[0].type)},
              {"containsNull", type.children[0].nullable}};
    case TypeKind::kMap:
      return {{"type", "map"},
              {"keyType", TypeJson(type.children[0].type)},
              {"valueType", TypeJson(type.children[1].type)},
              {"valueContainsNull", type.children[1].nullable}};
    default:
      return {{"type", "struct"}, {"fields", FieldsJson(type.children, nullptr)}};
  }
}

// The field of that name in a parsed struct, or nullptr.
const Json* FieldNamed(const Json* fields, const std::string& name) {
  if (!fields || !fields->is_array()) return nullptr;
  for (const Json& field : *fields) {
    if (TextMember(field, "name") == name) return &field;
  }
  return nullptr;
}

Json FieldsJson(const std::vector<Column>& columns, const Json* earlier) {
  Json fields = Json::array();
  for (const Column& column : columns) {
    Json type = TypeJson(column.type);
    Json metadata = Json::object();
    if (const Json* field = FieldNamed(earlier, column.name)) {
      const Json* before = Member(*field, "type");
      Result<Type> known = before ? ParseType(*before, column.name) : Invalid("");
      if (known.ok() && *known == column.type) type = *before;
      if (const Json* kept = Member(*field, "metadata")) metadata = *kept;
    }
    fields.push_back({{"name", column.name},
                      {"type", std::move(type)},
                      {"nullable", column.nullable},
                      {"metadata", std::move(metadata)}});
  }
  return fields;
}

bool AnyFieldHasIn(const Json& json, const char* key) {
  if (json.is_array()) {
    for (const Json& element : json) {
      if (AnyFieldHasIn(element, key)) return true;
    }
  }
  if (!json.is_object()) return false;
  for (const auto& [name, value] : json.items()) {
    if (name == "metadata" && value.is_object()) {
      if (value.contains(key)) return true;
    } else if (AnyFieldHasIn(value, key)) {
      return true;
    }
  }
  return false;
}

bool IsOrHoldsNtz(const Type& type) {
  if (type.kind == TypeKind::kTimestamp) return true;
  for (const Column& child : type.children) {
    if (IsOrHoldsNtz(child.type)) return true;
  }
  return false;
}

}  // namespace

Result<Schema> ParseSchemaJson(std::string_view text) {
  Json json = TRY(ParseJson(text));
  if (TextMember(json, "type") != "struct") return Invalid("the table's schema is not a struct");
  return Schema{TRY(ParseFields(json, ""))};
}

std::string PrintSchemaJson(const Schema& schema, std::string_view earlier) {
  Json before;
  if (!earlier.empty()) {
    Result<Json> parsed = ParseJson(earlier);
    if (parsed.ok()) before = *std::move(parsed);
  }
  Json json = {{"type", "struct"}};
  json["fields"] = FieldsJson(schema.columns, Member(before, "fields"));
  return PrintJson(json);
}

bool AnyFieldHas(std::string_view schema_json, const char* metadata_key) {
  Result<Json> json = ParseJson(schema_json);
  return json.ok() && AnyFieldHasIn(*json, metadata_key);
}

bool HasTimestampNtz(const Schema& schema) {
  for (const Column& column : schema.columns) {
    if (IsOrHoldsNtz(column.type)) return true;
  }
  return false;
}

}  // namespace millrace
