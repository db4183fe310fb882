#include "run/rows_builder.h"

#include "data/one_batch.h"

namespace millrace {

template <class Append>
RowsBuilder& RowsBuilder::Add(Append append) {
  append(rows_.column(column_));
  if (++column_ < rows_.schema().columns.size()) return *this;
  column_ = 0;
  if (status_.ok()) status_ = rows_.EndRow();
  return *this;
}

RowsBuilder& RowsBuilder::Text(std::string_view value) {
  return Add([&](ColumnBuilder& column) { column.AppendBytes(value); });
}

RowsBuilder& RowsBuilder::Int(int64_t value) {
  return Add([&](ColumnBuilder& column) { column.AppendInt(value); });
}

RowsBuilder& RowsBuilder::Real(double value) {
  return Add([&](ColumnBuilder& column) { column.AppendDouble(value); });
}

RowsBuilder& RowsBuilder::Flag(bool value) {
  return Add([&](ColumnBuilder& column) { column.AppendBool(value); });
}

RowsBuilder& RowsBuilder::When(std::optional<Time> value) {
  if (value) return Int(value->time_since_epoch().count());
  return Add([](ColumnBuilder& column) { column.AppendNull(); });
}

Result<std::unique_ptr<RowReader>> RowsBuilder::Finish() {
  TRY(std::exchange(status_, Status::Ok()));
  return std::unique_ptr<RowReader>(std::make_unique<OneBatch>(TRY(rows_.Take())));
}

}  // namespace millrace
