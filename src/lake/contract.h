// How rows of one shape become rows of a table: columns matched by name, values cast, and what is
// done about those that do not fit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/schema.h"
#include "engine/engine.h"
#include "lake/lake.h"

namespace millrace {

struct ShapeRequest {
  std::string table;              // for messages
  std::optional<Schema> current;  // nullopt: a new table
  Schema rows;
  Contract contract = Contract::kEvolve;
  Mode mode = Mode::kAppend;
  std::vector<std::string> partition_by;
};

struct Fit {
  Schema schema;         // of the table after the write
  bool widened = false;  // a column's type changed: files written before must be rewritten
  std::vector<std::string> present;  // columns of the table that the rows have, in table order
  // SQL over the rows, named r: one expression a column of `schema`, in its order; a typed null
  // where absent.
  std::vector<std::string> expressions;
  // SQL conditions over the rows, "" where all rows fit: those that must not be (the write fails),
  // and those that go to the rejects.
  std::string refused, discarded;
  std::string reason;  // SQL text, why a row is refused or discarded
};

// kInvalid names every difference that the contract does not allow.
Result<Fit> FitShape(const ShapeRequest& request);

// The type that holds all values of both exactly, or nullopt.
std::optional<Type> CommonType(const Type& a, const Type& b);

}  // namespace millrace
