// PostgreSQL's types beside those of the lake, and how a value of each looks in a binary COPY
// (https://www.postgresql.org/docs/15/sql-copy.html; the forms are those of the types' send and
// receive functions).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/schema.h"
#include "net/postgres/connection.h"

namespace millrace::postgres {

enum class Wire {
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kNumeric,
  kText,  // its bytes are its text: text, varchar, json, enums…
  kJsonb,
  kUuid,
  kBytea,
  kDate,         // days since 2000-01-01
  kTimestamp,    // microseconds since 2000-01-01, no zone
  kTimestampTz,  // …UTC
  kArray,
};

struct PgType {
  Wire wire = Wire::kText;
  uint32_t oid = 25;  // of text
  Type lake;          // what its rows are to the engine
  // The server must make text of it, for there is no form that we read.
  bool as_text = false;
  // A numeric without a precision: it holds any number, and is text to the engine.
  bool any_number = false;
  std::vector<PgType> element;  // kArray: one
};

// The types of these OIDs, with modifiers; asks the server for those that are not built in.
struct TypeName {
  uint32_t oid = 0;
  int modifier = -1;
};
Result<std::vector<PgType>> TypesOf(const std::vector<TypeName>& names, pg::Connection& connection,
                                    std::stop_token stop);

// What a column is made as that holds this: "numeric(10,2)", "text[]", "jsonb".
std::string PgTypeFor(const Type& type);
// …and what that is.
PgType TypeOfColumnFor(const Type& type);

constexpr int64_t kDaysTo2000 = 10957;                           // from 1970-01-01
constexpr int64_t kMicrosTo2000 = kDaysTo2000 * 86'400'000'000;  // …

}  // namespace millrace::postgres
