// The kinds of checks: how each is written, and the SQL that it becomes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/check.h"

namespace millrace {

// What any kind may be given; which of it a kind takes, its Spec says.
struct RuleConfig {
  std::string name;
  CheckSeverity severity = CheckSeverity::kError;
  std::optional<OnFail> on_fail;
  std::vector<std::string> columns;
  std::string column;
  YamlNode values;
  std::string to, field;
  YamlNode min, max;
  std::string pattern;
  Micros max_age{0};
  std::string query, condition;
};

struct RuleKind {
  std::string name;
  bool by_row = true;  // judges rows one by one; else the whole
  Spec<RuleConfig> spec;
  // Fills in condition or query, and what tells a reader why a row failed.
  std::function<void(const RuleConfig&, Check&)> compile;
};

const std::vector<RuleKind>& RuleKinds();

// "unique" has no condition of its own: it is judged by counting keys.
inline bool IsUnique(const Check& check) { return check.kind == "unique"; }
// Judged row by row. Of the `sql` kind it depends on what was given.
inline bool IsRowCheck(const Check& check) { return IsUnique(check) || !check.condition.empty(); }

}  // namespace millrace
