// Rows made value by value, for small relations that come from our own records.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "data/rows.h"
#include "data/schema.h"

namespace millrace {

// Values are added in the order of the columns, row after row; each must be of its column's kind:
// kVarchar, kBigInt, kDouble, kBoolean or kTimestampTz.
class RowsBuilder {
 public:
  static Result<std::unique_ptr<RowsBuilder>> Make(const Schema& schema);
  ~RowsBuilder();

  RowsBuilder& Text(std::string_view value);
  RowsBuilder& Int(int64_t value);
  RowsBuilder& Real(double value);
  RowsBuilder& Flag(bool value);
  RowsBuilder& When(std::optional<Time> value);

  // The rows so far, as a reader that gives them once.
  Result<std::unique_ptr<RowReader>> Finish();

 private:
  struct State;
  explicit RowsBuilder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace millrace
