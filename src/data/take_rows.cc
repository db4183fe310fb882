// What was built, as Arrow has it.
#include <nanoarrow/nanoarrow.h>

#include <nanoarrow/nanoarrow.hpp>
#include <utility>

#include "data/arrow_type.h"
#include "data/column_builder.h"

namespace millrace {

namespace {

// Hands the bytes over to a buffer of `array`.
bool Give(GrowingBuffer& from, ArrowArray* array, int64_t index) {
  ArrowBuffer buffer;
  ArrowBufferInit(&buffer);
  buffer.size_bytes = from.size();
  buffer.capacity_bytes = from.capacity();
  buffer.data = from.Release();
  return ArrowArraySetBuffer(array, index, &buffer) == NANOARROW_OK;
}

Status NoMemory() { return {Code::kExhausted, "no memory for a batch of rows"}; }

}  // namespace

bool ColumnBuilder::MoveTo(ArrowArray* array) {
  array->length = length_;
  array->null_count = nulls_;
  bool ok = true;
  if (nulls_ > 0) ok = Give(validity_, array, 0);
  validity_.Shrink(0);
  if (HasOffsets()) {
    ok = Give(offsets_, array, 1) && ok;
    if (!IsList()) ok = Give(values_, array, 2) && ok;
  } else if (type_.kind != TypeKind::kStruct) {
    ok = Give(values_, array, 1) && ok;
  }
  ArrowArray* owner = array;
  if (type_.kind == TypeKind::kMap) {
    owner = array->children[0];
    owner->length = children_[0]->length_;
    owner->null_count = 0;
  }
  for (size_t i = 0; i < children_.size(); ++i) ok = children_[i]->MoveTo(owner->children[i]) && ok;
  Reset();
  return ok;
}

Result<Rows> BatchBuilder::Take() {
  nanoarrow::UniqueSchema schema;
  nanoarrow::UniqueArray array;
  ArrowSchemaInit(schema.get());
  bool ok = SetArrowType({.kind = TypeKind::kStruct, .children = schema_.columns}, schema.get()) &&
            ArrowArrayInitFromSchema(array.get(), schema.get(), nullptr) == NANOARROW_OK;
  if (!ok) return NoMemory();
  array->length = std::exchange(count_, 0);
  array->null_count = 0;
  for (size_t i = 0; i < columns_.size(); ++i) ok = columns_[i]->MoveTo(array->children[i]) && ok;
  // Empty buffers get an address, lengths are set.
  if (!ok) return NoMemory();
  ArrowError error;
  if (ArrowArrayFinishBuilding(array.get(), NANOARROW_VALIDATION_LEVEL_MINIMAL, &error) !=
      NANOARROW_OK)
    return Internal(std::string("a batch of rows is not as Arrow has it: ") + error.message);
  return Rows::Adopt(schema.get(), array.get());
}

}  // namespace millrace
