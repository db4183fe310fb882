// What DuckDB says when it refuses, read from its JSON form (`SET errors_as_json=true`).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"

namespace millrace::duck {

struct EngineError {
  std::string type;     // "Binder" "Catalog" "Parser" "Conversion" "Out of Memory"…
  std::string subtype;  // "COLUMN_NOT_FOUND" "MISSING_ENTRY" "NO_MATCHING_FUNCTION"… or ""
  std::string message;  // as DuckDB words it, several lines
  std::string name;     // of what was not found
  std::string entry;    // MISSING_ENTRY: "Table" "Scalar Function"…
  std::string call;     // NO_MATCHING_FUNCTION: "abs(VARCHAR)"
  std::vector<std::string> candidates;
  std::optional<size_t> position;  // bytes into the statement
};

// Never fails: text that is not JSON becomes the message.
EngineError ParseEngineError(std::string_view text);

// For a statement that ran and failed.
Status ToStatus(const EngineError& error);

// For a statement that was looked at: in short words where the fault is of a known kind.
// `statement` is the text that the position points into.
SqlError ToSqlError(const EngineError& error, std::string_view statement);

}  // namespace millrace::duck
