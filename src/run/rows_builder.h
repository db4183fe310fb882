// Rows made value by value, for small relations that come from our own records.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "data/column_builder.h"
#include "data/rows.h"
#include "data/schema.h"

namespace millrace {

// Values are added in the order of the columns, row after row; each must be of its column's kind:
// kVarchar, kBigInt, kDouble, kBoolean or kTimestampTz. The first failure is told by Finish().
class RowsBuilder {
 public:
  explicit RowsBuilder(Schema schema) : rows_(std::move(schema)) {}

  RowsBuilder& Text(std::string_view value);
  RowsBuilder& Int(int64_t value);
  RowsBuilder& Real(double value);
  RowsBuilder& Flag(bool value);
  RowsBuilder& When(std::optional<Time> value);

  // The rows so far, as a reader that gives them once.
  Result<std::unique_ptr<RowReader>> Finish();

 private:
  // A row ends with its last column.
  template <class Append>
  RowsBuilder& Add(Append append);

  BatchBuilder rows_;
  size_t column_ = 0;  // the next value's
  Status status_;
};

}  // namespace millrace
