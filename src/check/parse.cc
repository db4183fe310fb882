// `checks:` in YAML → checks.
#include "base/text.h"
#include "check/rules.h"

namespace millrace {

namespace {

std::string KnownKinds() {
  std::vector<std::string> names;
  for (const RuleKind& kind : RuleKinds()) names.push_back(kind.name);
  return Join(names, ", ");
}

const RuleKind* FindKind(const YamlNode& key, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const RuleKind& kind : RuleKinds()) {
    if (kind.name == key.scalar) return &kind;
    names.push_back(kind.name);
  }
  std::string near = Closest(key.scalar, names);
  diagnostics.Error(key.place, "unknown check '" + key.scalar + "'",
                    near.empty() ? "one of " + KnownKinds() : "did you mean '" + near + "'?");
  return nullptr;
}

// Where the value of `field` stands; the kind's own place for a short form.
const YamlNode& FieldNode(const YamlNode& value, const char* field) {
  const YamlNode* found = value.IsMap() ? value.Find(field) : nullptr;
  return found ? *found : value;
}

std::vector<std::pair<std::string, Place>> ColumnPlaces(const RuleConfig& rule,
                                                        const YamlNode& value) {
  std::vector<std::pair<std::string, Place>> places;
  if (!rule.column.empty()) places.emplace_back(rule.column, FieldNode(value, "column").place);
  const YamlNode& columns = FieldNode(value, "columns");
  for (size_t i = 0; i < rule.columns.size(); ++i) {
    places.emplace_back(rule.columns[i], columns.IsList() ? columns.items[i].place : columns.place);
  }
  return places;
}

class CheckParser {
 public:
  CheckParser(bool has_rejects, Diagnostics& diagnostics)
      : has_rejects_(has_rejects), diagnostics_(diagnostics) {}

  void Parse(const YamlNode& item) {
    if (!item.IsMap() || item.entries.size() != 1) {
      diagnostics_.Error(item.place, "a check is a map with one key, its kind",
                         "for example {not_null: id}");
      return;
    }
    const auto& [key, value] = item.entries[0];
    const RuleKind* kind = FindKind(key, diagnostics_);
    if (!kind) return;
    std::optional<RuleConfig> rule = kind->spec.Parse(value, diagnostics_);
    if (!rule) return;
    if (kind->name == "not_null" && rule->name.empty() && rule->columns.size() > 1) {
      for (size_t i = 0; i < rule->columns.size(); ++i)
        AddNotNull(*kind, *rule, key.place, value, i);
      return;
    }
    Add(*kind, *rule, key.place, value, ColumnPlaces(*rule, value));
  }

  std::vector<Check> Take() { return std::move(checks_); }

 private:
  // Several columns without a name are several checks: a report then says which column it was.
  void AddNotNull(const RuleKind& kind, RuleConfig rule, Place place, const YamlNode& value,
                  size_t index) {
    auto column = ColumnPlaces(rule, value)[index];
    rule.columns = {column.first};
    Add(kind, rule, place, value, {column});
  }

  void Add(const RuleKind& kind, const RuleConfig& rule, Place place, const YamlNode& value,
           std::vector<std::pair<std::string, Place>> columns) {
    Check check;
    check.kind = kind.name;
    check.severity = rule.severity;
    check.place = place;
    check.columns = std::move(columns);
    kind.compile(rule, check);
    check.on_fail = Decide(rule, IsRowCheck(check), value);
    std::vector<std::string> names;
    for (const auto& [name, where] : check.columns) names.push_back(name);
    check.name = !rule.name.empty() ? rule.name
                 : names.empty()    ? kind.name
                                    : kind.name + "(" + Join(names, ", ") + ")";
    if (kind.name == "sql") {
      check.sql_node = FieldNode(value, rule.query.empty() ? "condition" : "query");
      check.sql_place = check.sql_node.place;
    }
    if (!check.table.empty()) check.sql_place = FieldNode(value, "to").place;
    checks_.push_back(std::move(check));
  }

  OnFail Decide(const RuleConfig& rule, bool by_row, const YamlNode& value) {
    if (!rule.on_fail) return by_row && has_rejects_ ? OnFail::kQuarantine : OnFail::kFail;
    if (*rule.on_fail == OnFail::kQuarantine && !has_rejects_) {
      diagnostics_.Error(FieldNode(value, "on_fail").place,
                         "on_fail: quarantine, but the task has no `rejects`",
                         "add rejects: {table: …}, or choose drop or fail");
    }
    return *rule.on_fail;
  }

  const bool has_rejects_;
  Diagnostics& diagnostics_;
  std::vector<Check> checks_;
};

}  // namespace

std::vector<Check> ParseChecks(const YamlNode& node, bool has_rejects, Diagnostics& diagnostics) {
  CheckParser parser(has_rejects, diagnostics);
  if (node.IsList()) {
    for (const YamlNode& item : node.items) parser.Parse(item);
  } else if (!node.IsNull()) {
    diagnostics.Error(node.place, "'checks' must be a list", "begin each check with '- '");
  }
  return parser.Take();
}

}  // namespace millrace
