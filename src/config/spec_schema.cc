#include <charconv>
#include <nlohmann/json.hpp>

#include "config/diagnostics.h"
#include "config/spec_info.h"
#include "config/spec_read.h"
#include "config/yaml.h"

namespace millrace {

namespace {

// What stands in for a value that only the run knows.
Json VariableSchema() { return {{"type", "string"}, {"pattern", "\\$\\{.+\\}"}}; }

Json OrVariable(Json schema) { return {{"anyOf", {std::move(schema), VariableSchema()}}}; }

// A number in YAML is text enough for the parser, so it is for the editor.
Json TextSchema(const FieldOptions& options) {
  if (options.choices.empty()) return {{"type", {"string", "number", "boolean"}}};
  return OrVariable({{"enum", options.choices}});
}

Json NumberSchema(const char* type, const FieldOptions& options) {
  Json schema = {{"type", type}};
  if (options.min) schema["minimum"] = *options.min;
  if (options.max) schema["maximum"] = *options.max;
  return OrVariable(std::move(schema));
}

void LimitLength(Json& schema, const FieldOptions& options, const char* least, const char* most) {
  if (options.min) schema[least] = int64_t(*options.min);
  if (options.max) schema[most] = int64_t(*options.max);
}

Json ListSchema(Json item, const FieldOptions& options) {
  Json list = {{"type", "array"}, {"items", item}};
  LimitLength(list, options, "minItems", "maxItems");
  return {{"anyOf", {std::move(item), std::move(list)}}};
}

Json KindSchema(const FieldInfo& field) {
  const FieldOptions& options = field.options;
  switch (field.kind) {
    case FieldKind::kText:
    case FieldKind::kChoice: return TextSchema(options);
    case FieldKind::kBoolean: return OrVariable({{"type", "boolean"}});
    case FieldKind::kInteger: return NumberSchema("integer", options);
    case FieldKind::kNumber: return NumberSchema("number", options);
    case FieldKind::kDuration:
      return OrVariable({{"type", "string"}, {"pattern", "^ *([0-9.]+(ms|s|m|h|d|w))+ *$"}});
    case FieldKind::kBytes:
      return {{"anyOf",
               {{{"type", "integer"}, {"minimum", 0}},
                {{"type", "string"}, {"pattern", "^ *[0-9.]+ *([kKmMgGtT][iI]?)?[bB]? *$"}},
                VariableSchema()}}};
    case FieldKind::kSecret:
      return {{"type", {"string", "number", "boolean"}}, {"writeOnly", true}};
    case FieldKind::kTextList: return ListSchema(TextSchema(options), options);
    case FieldKind::kTextMap: {
      Json map = {{"type", "object"}, {"additionalProperties", TextSchema(options)}};
      LimitLength(map, options, "minProperties", "maxProperties");
      return map;
    }
    case FieldKind::kGroup: return SpecJsonSchema(*field.group);
    case FieldKind::kGroupList: return ListSchema(SpecJsonSchema(*field.group), options);
    case FieldKind::kAny: return Json::object();
  }
  return Json::object();
}

// Plain true, false and numbers as such where the field has that kind; all else is text.
Json ToJson(const YamlNode& node, FieldKind kind) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: return nullptr;
    case YamlNode::Kind::kList: {
      Json list = Json::array();
      for (const YamlNode& item : node.items) list.push_back(ToJson(item, kind));
      return list;
    }
    case YamlNode::Kind::kMap: {
      Json map = Json::object();
      for (const auto& [key, value] : node.entries) map[key.scalar] = ToJson(value, kind);
      return map;
    }
    case YamlNode::Kind::kScalar: break;
  }
  const std::string& text = node.scalar;
  bool guess =
      kind == FieldKind::kAny || kind == FieldKind::kGroup || kind == FieldKind::kGroupList;
  if (node.quoted) return text;
  if ((guess || kind == FieldKind::kBoolean) && (text == "true" || text == "false")) {
    return text == "true";
  }
  int64_t whole = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (is_whole && (guess || kind == FieldKind::kInteger || kind == FieldKind::kNumber))
    return whole;
  double number = 0;
  auto [last, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool is_number = failure == std::errc() && last == text.data() + text.size();
  if (is_number && (guess || kind == FieldKind::kNumber)) return number;
  return text;
}

Json FromYamlText(const std::string& yaml, FieldKind kind) {
  Diagnostics diagnostics;
  return ToJson(ParseYaml(yaml, "", diagnostics), kind);
}

Json FieldSchema(const FieldInfo& field) {
  Json schema = {{"description", field.help}};
  schema.update(KindSchema(field));
  schema["description"] = field.help;  // a group brings its own
  const std::string& standard = field.default_text;
  if (!standard.empty() && !field.options.required) {
    schema["default"] = FromYamlText(standard, field.kind);
  }
  if (!field.options.example.empty()) {
    schema["examples"] = Json::array({FromYamlText(field.options.example, field.kind)});
  }
  if (field.options.deprecated) schema["deprecated"] = true;
  return schema;
}

}  // namespace

Json SpecJsonSchema(const SpecInfo& info) {
  Json object = {{"type", "object"}, {"description", info.summary}};
  Json properties = Json::object(), required = Json::array();
  for (const FieldInfo& field : info.fields) {
    properties[field.key] = FieldSchema(field);
    if (field.options.required) required.push_back(field.key);
  }
  object["properties"] = std::move(properties);
  if (!required.empty()) object["required"] = required;
  object["additionalProperties"] = info.any_key;
  Json forms = Json::array({object});
  if (const FieldInfo* field = info.short_field.empty() ? nullptr : info.Find(info.short_field)) {
    forms.push_back(FieldSchema(*field));
  }
  if (required.empty()) forms.push_back({{"type", "null"}});
  if (forms.size() == 1) return object;
  return {{"description", info.summary}, {"anyOf", std::move(forms)}};
}

}  // namespace millrace
