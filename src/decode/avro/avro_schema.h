// Schemas of Avro (https://avro.apache.org/docs/1.11.1/specification/), and the columns that they
// stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/json.h"
#include "data/schema.h"

namespace millrace::avro {

enum class Kind {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kRecord,
  kEnum,
  kArray,
  kMap,
  kUnion,
  kFixed,
};

enum class Logical {
  kNone,
  kDecimal,
  kDate,
  kTimeMillis,
  kTimeMicros,
  kTimestampMillis,
  kTimestampMicros,
  kTimestampNanos,
  kLocalTimestampMillis,
  kLocalTimestampMicros,
  kLocalTimestampNanos,
  kUuid,
  kDuration,
};

struct Field {
  std::string name;
  std::vector<std::string> aliases;
  int type = 0;
  std::optional<std::string> default_json;
};

struct Node {
  Kind kind = Kind::kNull;
  Logical logical = Logical::kNone;
  int precision = 0, scale = 0;      // kDecimal
  int64_t size = 0;                  // kFixed: bytes
  std::string name;                  // full, of records, enums and fixed
  std::vector<std::string> aliases;  // full
  std::vector<Field> fields;         // kRecord
  std::vector<int> types;            // kUnion: branches; kArray, kMap: of the elements
  std::vector<std::string> symbols;  // kEnum
  std::optional<std::string> default_symbol;
};

// Types refer to each other by number: a record may hold itself.
class AvroSchema {
 public:
  // `references`: texts of schemas whose names `text` uses, each before those that use it.
  static Result<AvroSchema> Parse(std::string_view text,
                                  const std::vector<std::string>& references = {});

  const Node& operator[](int type) const { return nodes_[static_cast<size_t>(type)]; }
  int root() const { return root_; }
  // "com.example.User", "long", "array".
  std::string NameOf(int type) const;
  // The branches of a union that are not null; any other type is its own only branch.
  std::vector<int> Branches(int type) const;
  bool IsNullable(int type) const;

 private:
  friend class SchemaParser;
  std::vector<Node> nodes_;
  int root_ = 0;
};

// The part of a full name after the last dot.
std::string_view ShortName(std::string_view name);

// What a column of this type is. Dates and times, uuid and enum as text where the lake has no type
// for them; duration: STRUCT(months, days, milliseconds); a union of several types: a STRUCT with
// one member for each, of which one is not null. kInvalid: a schema that holds itself.
Result<Type> ColumnTypeOf(const AvroSchema& schema, int type);
// The fields of a record; of any other schema one column, `value`.
Result<Schema> ColumnsOf(const AvroSchema& schema);
// Names of the members that stand for Branches().
std::vector<std::string> MemberNames(const AvroSchema& schema, int type);

// The schema of a record with these columns, all of them nullable, as JSON. `name` is full.
// kInvalid: a column's name is none of Avro.
Result<std::string> SchemaTextOf(const Schema& columns, const std::string& name);

// A field's default as Avro writes it.
Result<std::string> DefaultBytes(const AvroSchema& schema, int type, const std::string& json);

// Avro's variable-length zig-zag numbers.
void AppendLong(std::string& out, int64_t value);

}  // namespace millrace::avro
