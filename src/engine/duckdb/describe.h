// Everything that is wrong with a statement, found without running it.
#pragma once

#include <set>
#include <string>

#include "engine/duckdb/connection.h"
#include "engine/engine.h"

namespace millrace::duck {

// `known`: what the session has defined, in lower case: "bronze.flights".
Result<Description> DescribeStatement(Connection& connection, const std::string& sql,
                                      const std::set<std::string>& known);

}  // namespace millrace::duck
