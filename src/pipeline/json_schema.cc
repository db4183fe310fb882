// JSON Schema (draft 7, which editors' YAML servers know best) of pipeline.yml and millrace.yml.
#include <nlohmann/json.hpp>

#include "pipeline/pipeline.h"
#include "pipeline/specs.h"
#include "pipeline/sql_tests.h"

namespace millrace {
namespace {

constexpr const char* kDialect = "http://json-schema.org/draft-07/schema#";
constexpr const char* kTaskNamePattern = "^[A-Za-z_][A-Za-z0-9_-]*$";
constexpr const char* kInputNamePattern = "^[A-Za-z_][A-Za-z0-9_]*$";

Json Ref(const std::string& name) { return {{"$ref", "#/definitions/" + name}}; }
Json AnyOf(std::vector<Json> forms) { return {{"anyOf", std::move(forms)}}; }
Json Scalar() { return {{"type", {"string", "number", "boolean"}}}; }
Json MapOfScalars() { return {{"type", "object"}, {"additionalProperties", Scalar()}}; }
Json ListOf(Json item) { return {{"type", "array"}, {"items", std::move(item)}}; }

// Keeps the help of a field whose shape is made here.
void Reshape(Json& object, const std::string& field, Json shape) {
  Json& old = object["properties"][field];
  shape["description"] = old.value("description", "");
  if (old.contains("examples")) shape["examples"] = old["examples"];
  old = std::move(shape);
}

// The form of a component that is a map, where its Spec has others too.
Json ObjectForm(Json schema) {
  if (!schema.contains("anyOf")) return schema;
  return schema["anyOf"][0];
}

Json ConnectorProperties(const Registry& registry, bool sources) {
  Json properties = Json::object();
  for (const Registry::Entry* entry : registry.All()) {
    if (sources && entry->source) properties[entry->name] = Ref("source_" + entry->name);
    if (!sources && entry->sink) properties[entry->name] = Ref("sink_" + entry->name);
  }
  return properties;
}

Json ExactlyOneOf(const Json& properties) {
  Json forms = Json::array();
  for (const auto& [name, schema] : properties.items()) forms.push_back({{"required", {name}}});
  return forms;
}

Json SourceChoice(const Registry& registry) {
  return {{"type", "object"},
          {"description", "One connector."},
          {"properties", ConnectorProperties(registry, true)},
          {"additionalProperties", false},
          {"minProperties", 1},
          {"maxProperties", 1}};
}

Json FromShape(const Registry& registry) {
  Json names = Json::array();
  Json properties = ConnectorProperties(registry, true);
  for (const auto& [name, schema] : properties.items()) names.push_back(name);
  Json named = {{"type", "object"},
                {"description", "Inputs by name."},
                {"minProperties", 1},
                {"propertyNames", {{"pattern", kInputNamePattern}, {"not", {{"enum", names}}}}},
                {"additionalProperties", Ref("source")}};
  return AnyOf({Ref("source"), std::move(named)});
}

Json TargetShape(const Registry& registry, bool routed) {
  Json properties = ConnectorProperties(registry, false);
  Json one_of = ExactlyOneOf(properties);
  if (routed) {
    properties["when"] = {{"type", "string"},
                          {"description", "SQL condition: the rows for which it is true go here."}};
    properties["otherwise"] = {{"const", true},
                               {"description", "The rows that no `when` of the list took."}};
  }
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"additionalProperties", false},
          {"oneOf", std::move(one_of)}};
}

// "check 'not_null'" is the check not_null.
std::string KindOf(const SpecInfo& info) {
  size_t begin = info.name.find('\'');
  if (begin == std::string::npos) return info.name.substr(0, info.name.find(' '));
  return info.name.substr(begin + 1, info.name.find('\'', begin + 1) - begin - 1);
}

Json CheckChoice() {
  Json properties = Json::object();
  for (const auto& info : CheckSpecs()) properties[KindOf(*info)] = SpecJsonSchema(*info);
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"additionalProperties", false},
          {"minProperties", 1},
          {"maxProperties", 1}};
}

Json MatrixShape() {
  Json combination = MapOfScalars();
  Json listed = ListOf(combination), values = ListOf(Scalar());
  Json special = {{"include", listed}, {"exclude", listed}};
  listed["minItems"] = values["minItems"] = 1;
  Json lists = {{"type", "object"},
                {"minProperties", 1},
                {"properties", std::move(special)},
                {"additionalProperties", std::move(values)}};
  return AnyOf({std::move(lists), std::move(listed)});
}

Json TestRows() {
  Json rows = ListOf({{"type", "object"}});
  return AnyOf({std::move(rows), {{"type", "string"}}});
}

Json Params() {
  Json plain = {{"type", {"string", "number", "boolean", "null"}}};
  Json file = {{"type", "object"},
               {"properties", {{"file", plain}}},
               {"required", {"file"}},
               {"additionalProperties", false}};
  return {{"type", "object"},
          {"propertyNames", {{"pattern", kInputNamePattern}}},
          {"additionalProperties", AnyOf({plain, file})}};
}

Json TaskShape(const Registry& registry) {
  Json task = ObjectForm(SpecJsonSchema(*TaskSpec().info()));
  task["properties"]["name"]["pattern"] = kTaskNamePattern;
  Reshape(task, "from", FromShape(registry));
  Reshape(task, "sql", {{"type", "string"}});
  Reshape(task, "checks", ListOf(Ref("check")));
  Reshape(task, "to", AnyOf({Ref("target"), ListOf(Ref("target"))}));
  Reshape(task, "rejects", AnyOf({Ref("rejects"), ListOf(Ref("rejects"))}));
  Reshape(task, "command", AnyOf({{{"type", "string"}}, ListOf(Scalar())}));
  Reshape(task, "params", Params());
  Reshape(task, "matrix", MatrixShape());
  Reshape(task, "retry", Ref("retry"));
  Reshape(task, "columns", {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}});
  Json test = ObjectForm(SpecJsonSchema(*SqlTestSpec().info()));
  Reshape(test, "given", {{"type", "object"}, {"additionalProperties", TestRows()}});
  Reshape(test, "expect", TestRows());
  Reshape(test, "rejects", TestRows());
  Reshape(task, "tests", ListOf(std::move(test)));
  return task;
}

}  // namespace

Json PipelineJsonSchema(const Registry& registry) {
  Json schema = ObjectForm(SpecJsonSchema(*PipelineFileSpec().info()));
  schema["properties"]["name"]["pattern"] = kTaskNamePattern;
  Reshape(schema, "params", Params());
  Reshape(schema, "retry", Ref("retry"));
  Reshape(schema, "tasks", {{"type", "array"}, {"minItems", 1}, {"items", Ref("task")}});
  schema["patternProperties"] = {{"^x-", Json::object()}};
  schema["properties"]["defaults"] = ObjectForm(schema["properties"]["defaults"]);
  schema["properties"]["defaults"]["properties"]["retry"] = Ref("retry");
  Json definitions = Json::object();
  definitions["task"] = TaskShape(registry);
  definitions["source"] = SourceChoice(registry);
  definitions["target"] = TargetShape(registry, true);
  definitions["rejects"] = TargetShape(registry, false);
  definitions["check"] = CheckChoice();
  definitions["retry"] = SpecJsonSchema(*RetrySpec().info());
  for (const Registry::Entry* entry : registry.All()) {
    if (entry->source) definitions["source_" + entry->name] = SpecJsonSchema(*entry->source);
    if (entry->sink) definitions["sink_" + entry->name] = SpecJsonSchema(*entry->sink);
  }
  Json whole = {{"$schema", kDialect}, {"title", "Millrace pipeline"}};
  whole.update(schema);
  whole["definitions"] = std::move(definitions);
  return whole;
}

// {NAME: {KIND: fields}}
Json ConnectionsShape(const Registry& registry) {
  Json kinds = Json::object();
  for (const Registry::Entry* entry : registry.All()) {
    if (entry->connection) kinds[entry->name] = SpecJsonSchema(*entry->connection);
  }
  return {{"type", "object"},
          {"additionalProperties",
           {{"type", "object"},
            {"properties", std::move(kinds)},
            {"additionalProperties", false},
            {"minProperties", 1},
            {"maxProperties", 1}}}};
}

Json ProjectJsonSchema(const Registry& registry) {
  Json schema = ObjectForm(SpecJsonSchema(*ProjectSpec()));
  Reshape(schema, "connections", ConnectionsShape(registry));
  Json environment = schema;
  environment["properties"].erase("environments");
  environment["description"] =
      "Settings that replace the project's when this environment is chosen.";
  Reshape(schema, "environments",
          {{"type", "object"},
           {"additionalProperties", AnyOf({Ref("environment"), {{"type", "null"}}})}});
  schema["patternProperties"] = {{"^x-", Json::object()}};
  Json whole = {{"$schema", kDialect}, {"title", "Millrace project"}};
  whole.update(schema);
  whole["definitions"] = {{"environment", std::move(environment)}};
  return whole;
}

}  // namespace millrace
