// DuckDB's types and the lake's.
#pragma once

#include "data/schema.h"

struct _duckdb_logical_type;

namespace millrace::duck {

struct LakeType {
  Type type;
  bool exact = true;     // values need no cast
  bool untyped = false;  // NULL's type
};

// Unsigned → next signed, UBIGINT → DECIMAL(20,0), HUGEINT → BIGINT, times of day, UUID, ENUM,
// INTERVAL, JSON, BIT and the like → VARCHAR, other timestamps → TIMESTAMP, ARRAY → LIST.
LakeType ToLakeType(_duckdb_logical_type* type);

}  // namespace millrace::duck
