// Rows → records of a schema: made once for columns and a schema, then run for each row.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/column_view.h"
#include "data/schema.h"
#include "decode/avro/avro_schema.h"

namespace millrace::avro {

struct WriteStep {
  enum class Code : uint8_t {
    kNothing,  // only nulls
    kBoolean,
    kInt,   // also of a long
    kReal,  // a float or double as either; `number` is the bytes that are written
    kIntToReal,
    kBytes,      // also text
    kFixed,      // `number` bytes
    kDecimal,    // scaled up by 10^`scale`; `number` bytes, or -1
    kTime,       // microseconds × `multiply` / `divide`
    kTimeOfDay,  // of text
    kUuid,       // 16 bytes of text
    kDuration,
    kEnum,
    kRecord,  // `steps` in the schema's order, of the columns `columns`; -1: `defaults`
    kArray,
    kMap,
    kEntries,  // a map as an array of records with key and value
    kMember,   // the struct of a union: `steps` and `branches` by member
  };
  Code code = Code::kBytes;
  int64_t number = -1, multiply = 1, divide = 1;
  int scale = 0, precision = 0;
  bool is_int = false;              // kInt: 32 bits
  std::string before;               // the branch of a union that it is
  std::optional<std::string> null;  // what a null is; absent: it is not allowed
  std::vector<int> steps, columns;
  std::vector<std::string> branches, defaults, names;
  std::map<std::string, int64_t, std::less<>> symbols;
};

class WritePlan {
 public:
  // kInvalid: rows with these columns are none of the schema's, and why.
  static Result<WritePlan> Make(const Schema& columns, const AvroSchema& schema);

  // Appends one row. kRejected: a value does not fit the schema.
  Status Append(const RowsView& rows, int64_t row, std::string& out) const;

 private:
  friend class WritePlanMaker;
  std::vector<WriteStep> steps_;
  int root_ = 0;
  bool whole_ = false;  // the schema is no record: the one column is the value
};

}  // namespace millrace::avro
