// What rows look like: column names and types. The types are those that the lake can keep.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

enum class TypeKind {
  kBoolean,
  kTinyInt,
  kSmallInt,
  kInteger,
  kBigInt,
  kFloat,
  kDouble,
  kDecimal,
  kVarchar,
  kBlob,
  kDate,
  kTimestamp /* no zone, microseconds */,
  kTimestampTz /* UTC, microseconds */,
  kList,
  kStruct,
  kMap,
};

struct Column;

struct Type {
  TypeKind kind = TypeKind::kVarchar;
  int precision = 0, scale = 0;  // kDecimal only
  std::vector<Column> children;  // list: {element}; map: {key, value}; struct: its fields

  // DuckDB's spelling, which parses back: "DECIMAL(10,2)", "STRUCT(a INTEGER)[]".
  std::string ToSql() const;
  bool operator==(const Type&) const;
};

struct Column {
  std::string name;
  Type type;
  bool nullable = true;
  bool operator==(const Column&) const;
};

struct Schema {
  std::vector<Column> columns;

  const Column* Find(std::string_view name) const;  // ASCII case-insensitive, as SQL is
  std::vector<std::string> Names() const;
  bool operator==(const Schema&) const = default;
};

// Reads what ToSql writes, and the other names SQL has for these types: TEXT, INT, NUMERIC(10,2),
// TIMESTAMPTZ…. kInvalid for a type the lake cannot keep.
Result<Type> ParseType(std::string_view text);

}  // namespace millrace
