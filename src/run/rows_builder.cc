#include "run/rows_builder.h"

#include <nanoarrow/nanoarrow.h>

namespace millrace {

namespace {

class OneBatch final : public RowReader {
 public:
  explicit OneBatch(Rows rows) : rows_(std::move(rows)) {}
  Result<std::optional<Rows>> Next(std::stop_token) override {
    return std::exchange(rows_, std::nullopt);
  }

 private:
  std::optional<Rows> rows_;
};

Result<ArrowType> ArrowTypeOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kVarchar: return NANOARROW_TYPE_STRING;
    case TypeKind::kBigInt: return NANOARROW_TYPE_INT64;
    case TypeKind::kDouble: return NANOARROW_TYPE_DOUBLE;
    case TypeKind::kBoolean: return NANOARROW_TYPE_BOOL;
    case TypeKind::kTimestampTz: return NANOARROW_TYPE_TIMESTAMP;
    default: return Internal("rows of this type are not built here");
  }
}

}  // namespace

// Appending fails only when memory is out; the first failure is kept and told by Finish().
struct RowsBuilder::State {
  ArrowSchema schema{};
  ArrowArray array{};
  int64_t column = 0;
  int failure = NANOARROW_OK;

  ~State() {
    if (array.release != nullptr) ArrowArrayRelease(&array);
    if (schema.release != nullptr) ArrowSchemaRelease(&schema);
  }
  void Check(int code) {
    if (code != NANOARROW_OK && failure == NANOARROW_OK) failure = code;
  }
  // The next value's column; a row ends with its last column.
  template <class Append>
  void Add(Append append) {
    Check(append(array.children[column]));
    if (++column < array.n_children) return;
    column = 0;
    Check(ArrowArrayFinishElement(&array));
  }
};

RowsBuilder::RowsBuilder(std::unique_ptr<State> state) : state_(std::move(state)) {}
RowsBuilder::~RowsBuilder() = default;

Result<std::unique_ptr<RowsBuilder>> RowsBuilder::Make(const Schema& schema) {
  auto state = std::make_unique<State>();
  ArrowSchemaInit(&state->schema);
  state->Check(
      ArrowSchemaSetTypeStruct(&state->schema, static_cast<int64_t>(schema.columns.size())));
  for (size_t i = 0; i < schema.columns.size() && state->failure == NANOARROW_OK; ++i) {
    ArrowSchema* column = state->schema.children[i];
    ArrowType type = TRY(ArrowTypeOf(schema.columns[i].type.kind));
    if (type == NANOARROW_TYPE_TIMESTAMP) {
      state->Check(ArrowSchemaSetTypeDateTime(column, type, NANOARROW_TIME_UNIT_MICRO, "UTC"));
    } else {
      state->Check(ArrowSchemaSetType(column, type));
    }
    state->Check(ArrowSchemaSetName(column, schema.columns[i].name.c_str()));
  }
  if (state->failure == NANOARROW_OK)
    state->Check(ArrowArrayInitFromSchema(&state->array, &state->schema, nullptr));
  if (state->failure == NANOARROW_OK) state->Check(ArrowArrayStartAppending(&state->array));
  if (state->failure != NANOARROW_OK) return FromErrno("rows of a record", state->failure);
  return std::unique_ptr<RowsBuilder>(new RowsBuilder(std::move(state)));
}

RowsBuilder& RowsBuilder::Text(std::string_view value) {
  state_->Add([&](ArrowArray* column) {
    return ArrowArrayAppendString(column, {value.data(), static_cast<int64_t>(value.size())});
  });
  return *this;
}

RowsBuilder& RowsBuilder::Int(int64_t value) {
  state_->Add([&](ArrowArray* column) { return ArrowArrayAppendInt(column, value); });
  return *this;
}

RowsBuilder& RowsBuilder::Real(double value) {
  state_->Add([&](ArrowArray* column) { return ArrowArrayAppendDouble(column, value); });
  return *this;
}

RowsBuilder& RowsBuilder::Flag(bool value) { return Int(value); }

RowsBuilder& RowsBuilder::When(std::optional<Time> value) {
  if (value) return Int(value->time_since_epoch().count());
  state_->Add([](ArrowArray* column) { return ArrowArrayAppendNull(column, 1); });
  return *this;
}

Result<std::unique_ptr<RowReader>> RowsBuilder::Finish() {
  if (state_->failure == NANOARROW_OK)
    state_->Check(ArrowArrayFinishBuildingDefault(&state_->array, nullptr));
  if (state_->failure != NANOARROW_OK) return FromErrno("rows of a record", state_->failure);
  return std::unique_ptr<RowReader>(
      std::make_unique<OneBatch>(Rows::Adopt(&state_->schema, &state_->array)));
}

}  // namespace millrace
