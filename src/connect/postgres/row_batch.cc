#include "connect/postgres/row_batch.h"

#include <nanoarrow/nanoarrow.hpp>

#include <utility>

#include "connect/postgres/big_endian.h"
#include "connect/postgres/column_builder.h"
#include "data/arrow_type.h"

namespace millrace::postgres {

struct RowBatch::State {
  nanoarrow::UniqueSchema schema;
  nanoarrow::UniqueArray array;
  std::vector<ColumnBuilder> columns;
};

RowBatch::RowBatch(const std::vector<SourceColumn>& columns) : columns_(columns) {}
RowBatch::~RowBatch() = default;

Status RowBatch::Start() {
  auto state = std::make_unique<State>();
  ArrowSchemaInit(state->schema.get());
  bool ok = ArrowSchemaSetTypeStruct(state->schema.get(), static_cast<int64_t>(columns_.size())) ==
            NANOARROW_OK;
  for (size_t i = 0; ok && i < columns_.size(); ++i) {
    ArrowSchema* column = state->schema->children[i];
    ok = SetArrowType(columns_[i].type.lake, column) &&
         ArrowSchemaSetName(column, columns_[i].name.c_str()) == NANOARROW_OK;
  }
  ok = ok &&
       ArrowArrayInitFromSchema(state->array.get(), state->schema.get(), nullptr) == NANOARROW_OK &&
       ArrowArrayStartAppending(state->array.get()) == NANOARROW_OK;
  if (!ok) return {Code::kExhausted, "no memory for a batch of rows"};
  for (size_t i = 0; i < columns_.size(); ++i)
    state->columns.emplace_back(columns_[i].type, state->array->children[i]);
  state_ = std::move(state);
  return Status::Ok();
}

Status RowBatch::Wrong(size_t column, const char* why) const {
  return {Code::kRejected,
          "column '" + columns_[column].name + "': a value cannot be taken: " + why,
          "read it by a `query` that casts it or leaves it out"};
}

Status RowBatch::AppendCopyRow(std::string_view row) {
  if (!state_) TRY(Start());
  bytes_ += static_cast<int64_t>(row.size());
  if (row.size() < 2 || ReadInt<int16_t>(row.data()) != static_cast<int16_t>(columns_.size()))
    return Internal("a row of COPY has another number of fields than its columns");
  const char* at = row.data() + 2;
  const char* const end = row.data() + row.size();
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (end - at < 4) return Internal("a row of COPY ends early");
    int32_t size = ReadInt<int32_t>(at);
    at += 4;
    if (size > end - at) return Internal("a row of COPY ends early");
    ColumnBuilder& column = state_->columns[i];
    const char* wrong = size < 0 ? column.Null() : column.Binary({at, static_cast<size_t>(size)});
    if (wrong) return Wrong(i, wrong);
    if (size > 0) at += size;
  }
  ++rows_;
  return Status::Ok();
}

Status RowBatch::AppendTextRow(const std::vector<std::optional<std::string_view>>& row) {
  if (!state_) TRY(Start());
  for (size_t i = 0; i < columns_.size(); ++i) {
    ColumnBuilder& column = state_->columns[i];
    const char* wrong = row[i] ? column.Text(*row[i]) : column.Null();
    if (wrong) return Wrong(i, wrong);
    if (row[i]) bytes_ += static_cast<int64_t>(row[i]->size());
  }
  ++rows_;
  return Status::Ok();
}

Result<Rows> RowBatch::Take() {
  if (!state_) TRY(Start());
  for (ColumnBuilder& column : state_->columns) column.Close();
  state_->array->length = rows_;
  std::unique_ptr<State> done = std::move(state_);
  rows_ = bytes_ = 0;
  if (ArrowArrayFinishBuilding(done->array.get(), NANOARROW_VALIDATION_LEVEL_NONE, nullptr) !=
      NANOARROW_OK)
    return Internal("rows that were built wrongly");
  return Rows::Adopt(done->schema.get(), done->array.get());
}

}  // namespace millrace::postgres
