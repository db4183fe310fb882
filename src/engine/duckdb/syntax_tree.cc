#include "engine/duckdb/syntax_tree.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/json.h"
#include "engine/duckdb/words.h"

namespace millrace::duck {

namespace {

constexpr uint64_t kNowhere = UINT64_MAX;
using Names = std::set<std::string>;

std::string Text(const Json& node, const char* key) {
  auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json* Child(const Json& node, const char* key) {
  auto found = node.find(key);
  return found != node.end() ? &*found : nullptr;
}

// FROM 'data.csv': DuckDB reads the file, as read_csv would.
bool IsFile(std::string_view name) {
  if (name.find('/') != name.npos || name.find("://") != name.npos) return true;
  std::string lower = ToLower(name);
  for (std::string_view suffix : {".gz", ".zst"}) {
    if (lower.ends_with(suffix)) lower.resize(lower.size() - suffix.size());
  }
  for (std::string_view ending : {".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson"}) {
    if (lower.ends_with(ending)) return true;
  }
  return false;
}

class Walk {
 public:
  explicit Walk(StatementFacts& facts) : facts_(facts) {}

  // `ctes`: names in scope that are not tables.
  void Visit(const Json& node, const Names& ctes) {
    if (node.is_array()) {
      for (const Json& item : node) Visit(item, ctes);
    } else if (node.is_object()) {
      VisitObject(node, ctes);
    }
  }

  void Finish() {
    std::stable_sort(facts_.tables.begin(), facts_.tables.end(),
                     [](const TableRef& a, const TableRef& b) { return a.offset < b.offset; });
    facts_.functions.assign(functions_.begin(), functions_.end());
  }

 private:
  void VisitObject(const Json& node, const Names& ctes) {
    std::string type = Text(node, "type");
    if (type == "BASE_TABLE") AddTable(node, ctes);
    if (type == "FUNCTION") functions_.insert(ToLower(Text(node, "function_name")));
    if (const Json* sample = Child(node, "sample"); sample != nullptr && sample->is_object()) {
      if (sample->value("seed", int64_t{-1}) < 0) facts_.samples = true;
    }
    Names scope = ctes;
    if (const Json* map = Child(node, "cte_map")) VisitCtes(*map, scope);
    if (type == "RECURSIVE_CTE_NODE") scope.insert(ToLower(Text(node, "cte_name")));
    for (const auto& [key, value] : node.items()) {
      if (key != "cte_map") Visit(value, scope);
    }
  }

  // Each sees the ones before it; a plain one does not see itself.
  void VisitCtes(const Json& map, Names& scope) {
    const Json* entries = Child(map, "map");
    if (entries == nullptr || !entries->is_array()) return;
    for (const Json& entry : *entries) {
      if (const Json* value = Child(entry, "value")) Visit(*value, scope);
      scope.insert(ToLower(Text(entry, "key")));
    }
  }

  void AddTable(const Json& node, const Names& ctes) {
    std::string schema = Text(node, "schema_name"), name = Text(node, "table_name");
    if (schema.empty() && (ctes.contains(ToLower(name)) || IsFile(name))) return;
    std::string full = schema.empty() ? name : schema + "." + name;
    uint64_t offset = node.value("query_location", kNowhere);
    if (offset == kNowhere) offset = 0;
    for (TableRef& known : facts_.tables) {
      if (ToLower(known.name) != ToLower(full)) continue;
      known.offset = std::min<size_t>(known.offset, offset);
      return;
    }
    facts_.tables.push_back({std::move(full), static_cast<size_t>(offset)});
  }

  StatementFacts& facts_;
  std::set<std::string> functions_;
};

std::vector<std::string> OutputNames(const Json& node) {
  std::vector<std::string> names;
  const Json* list = Child(node, "select_list");
  if (list == nullptr) return names;
  for (const Json& item : *list) {
    std::string name = Text(item, "alias");
    if (Text(item, "class") == "STAR") return {};
    const Json* parts = Child(item, "column_names");
    if (name.empty() && parts != nullptr && !parts->empty())
      name = parts->back().get<std::string>();
    names.push_back(std::move(name));
  }
  return names;
}

Status NotSelect(std::string_view sql) {
  size_t at = 0;
  while (at < sql.size() && IsBlankToken(sql.substr(at, TokenEnd(sql, at) - at)))
    at = TokenEnd(sql, at);
  std::string first = ToLower(sql.substr(at, NameEnd(sql, at) - at));
  if (first == "pivot" || first == "unpivot") {
    return Invalid(
        "a " + ToLower(first) + " statement cannot be a task's SQL",
        "write SELECT * FROM t " + std::string(first == "pivot" ? "PIVOT (sum(x) FOR y IN (…))"
                                                                : "UNPIVOT (x FOR y IN (…))"));
  }
  return Invalid("only a SELECT can be a task's SQL", "write SELECT …, WITH … SELECT or VALUES …");
}

// From the syntax tree as text.
Result<StatementFacts> FactsOf(std::string_view sql, const std::string& json) {
  if (sql.empty()) return Invalid("the statement is empty");
  Json tree = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object()) return Internal("the engine's syntax tree is not JSON");
  if (tree.value("error", false)) {
    if (Text(tree, "error_type") == "not implemented") return NotSelect(sql);
    return Invalid(Text(tree, "error_message"));
  }
  const Json* statements = Child(tree, "statements");
  if (statements == nullptr || statements->empty()) return Invalid("the statement is empty");
  if (statements->size() > 1)
    return Invalid("more than one statement", "a task has one SELECT; split it into tasks");
  StatementFacts facts;
  Walk walk(facts);
  walk.Visit(*statements, {});
  walk.Finish();
  if (const Json* node = Child(statements->front(), "node")) facts.outputs = OutputNames(*node);
  return facts;
}

}  // namespace

Result<StatementFacts> ReadStatement(Connection& connection, std::string_view sql) {
  return ReadStatements(connection, {std::string(sql)}).front();
}

std::vector<Result<StatementFacts>> ReadStatements(Connection& connection,
                                                   const std::vector<std::string>& statements) {
  if (statements.empty()) return {};
  std::vector<std::string> literals;
  for (const std::string& sql : statements) literals.push_back(SqlLiteral(TrimStatement(sql)));
  Result<std::vector<TextRow>> trees = connection.Texts(
      "SELECT CAST(json_serialize_sql(sql, skip_null := true, skip_empty := true) AS VARCHAR) "
      "FROM (SELECT unnest([" +
      Join(literals, ", ") + "]) AS sql)");
  std::vector<Result<StatementFacts>> all;
  if (trees.ok() && trees->size() == statements.size()) {
    for (size_t i = 0; i < statements.size(); ++i)
      all.push_back(FactsOf(TrimStatement(statements[i]), (*trees)[i].front().value_or("")));
    return all;
  }
  if (statements.size() == 1) return {trees.ok() ? Internal("no syntax tree") : trees.status()};
  // One of them ended the engine's statement: each for itself.
  for (const std::string& sql : statements) all.push_back(ReadStatement(connection, sql));
  return all;
}

}  // namespace millrace::duck
