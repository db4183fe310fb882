// What a statement reads and calls, from DuckDB's own parser (json_serialize_sql).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/duckdb/connection.h"
#include "engine/engine.h"

namespace millrace::duck {

struct StatementFacts {
  std::vector<TableRef> tables;  // each once, in order of their first place; neither CTEs nor files
  std::vector<std::string> functions;  // called, in lower case, each once, sorted
  bool samples = false;                // TABLESAMPLE or USING SAMPLE without a seed
  std::vector<std::string> outputs;    // names of the select list; empty when it holds a star
};

// kInvalid for what is not one SELECT; `hint` says what to do.
Result<StatementFacts> ReadStatement(Connection& connection, std::string_view sql);
// The same of each: many at once cost little more than one.
std::vector<Result<StatementFacts>> ReadStatements(Connection& connection,
                                                   const std::vector<std::string>& statements);

}  // namespace millrace::duck
