// CHECK: rules over rows. What passes goes on; what fails is told, put aside, dropped, or fails the
// task.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "config/diagnostics.h"
#include "config/spec.h"
#include "config/yaml.h"
#include "data/schema.h"
#include "engine/engine.h"

namespace millrace {

enum class CheckSeverity { kWarn, kError };  // warn: told, never fails, never puts aside
enum class OnFail { kFail, kQuarantine, kDrop };

// not_null unique accepted_values relationships range matches: judged row by row.
// row_count freshness sql(query): judged on the whole.
struct Check {
  std::string kind;  // "not_null"
  std::string name;  // given by `name:`, else "not_null(id)": the rule's name everywhere
  CheckSeverity severity = CheckSeverity::kError;
  OnFail on_fail = OnFail::kFail;  // default: quarantine where the task has `rejects`, else fail
  Place place;
  std::vector<std::pair<std::string, Place>> columns;  // of the rows, that must exist
  std::string table;  // relationships: the other table, a dependency
  // One of the two, compiled from the YAML:
  std::string condition;  // row check: SQL that is not true exactly for the rows that fail
  std::string query;      // whole check: SELECT that gives rows (or one false) when it fails
  Place sql_place;        // of user-written SQL in either, for its errors
  YamlNode sql_node;
};

// The list under `checks:`; every fault is told.
std::vector<Check> ParseChecks(const YamlNode& node, bool has_rejects, Diagnostics& diagnostics);
// Columns exist, types fit, SQL binds. `view` is defined in the session with the rows' schema.
// One question about all checks. False: they do not, or only ValidateChecks can tell.
bool RowChecksHold(const std::vector<Check>& checks, const Schema& rows, Session& session);
void ValidateChecks(const std::vector<Check>& checks, const Schema& rows, Session& session,
                    std::string_view view, Diagnostics& diagnostics);
// One SpecInfo a kind: for docs and schema.
std::vector<std::shared_ptr<const SpecInfo>> CheckSpecs();

struct CheckOutcome {
  const Check* check = nullptr;
  bool passed = true;
  int64_t failed_rows = 0;
  std::string detail;  // "3 of 336,776 rows; for example carrier = NULL"
};

struct Checked {
  int64_t rows = 0;  // judged
  int64_t accepted = 0, rejected = 0, dropped = 0;
  Sql accepted_rows;  // a relation of the session; `rows` itself when no row check applies
  std::optional<Sql> rejected_rows;    // the columns, then _rule and _reason; nullopt: none
  std::vector<CheckOutcome> outcomes;  // in order of the checks
  // kQuality when a check with severity error and on_fail fail did not pass: names the checks and
  // counts.
  Status verdict;
};

// Runs all checks over `rows`, which is computed once. Relations it makes carry `prefix` in their
// names.
Result<Checked> RunChecks(const std::vector<Check>& checks, Session& session, const Sql& rows,
                          std::string_view prefix, std::stop_token stop);

}  // namespace millrace
