// What was built, as Arrow has it.
#include <nanoarrow/nanoarrow.h>

#include <nanoarrow/nanoarrow.hpp>
#include <utility>

#include "data/column_builder.h"

namespace millrace {

namespace {

ArrowType PlainArrowType(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean: return NANOARROW_TYPE_BOOL;
    case TypeKind::kTinyInt: return NANOARROW_TYPE_INT8;
    case TypeKind::kSmallInt: return NANOARROW_TYPE_INT16;
    case TypeKind::kInteger: return NANOARROW_TYPE_INT32;
    case TypeKind::kBigInt: return NANOARROW_TYPE_INT64;
    case TypeKind::kFloat: return NANOARROW_TYPE_FLOAT;
    case TypeKind::kDouble: return NANOARROW_TYPE_DOUBLE;
    case TypeKind::kBlob: return NANOARROW_TYPE_BINARY;
    case TypeKind::kDate: return NANOARROW_TYPE_DATE32;
    case TypeKind::kList: return NANOARROW_TYPE_LIST;
    case TypeKind::kMap: return NANOARROW_TYPE_MAP;
    default: return NANOARROW_TYPE_STRING;
  }
}

int SetSchema(ArrowSchema* schema, const Column& column);

// Sets the parameters and children of a type.
int SetType(ArrowSchema* schema, const Type& type) {
  switch (type.kind) {
    case TypeKind::kDecimal:
      return ArrowSchemaSetTypeDecimal(schema, NANOARROW_TYPE_DECIMAL128, type.precision,
                                       type.scale);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      return ArrowSchemaSetTypeDateTime(schema, NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO,
                                        type.kind == TypeKind::kTimestamp ? nullptr : "UTC");
    case TypeKind::kStruct: {
      NANOARROW_RETURN_NOT_OK(
          ArrowSchemaSetTypeStruct(schema, static_cast<int64_t>(type.children.size())));
      for (size_t i = 0; i < type.children.size(); ++i)
        NANOARROW_RETURN_NOT_OK(SetSchema(schema->children[i], type.children[i]));
      return NANOARROW_OK;
    }
    case TypeKind::kList:
      NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(schema, NANOARROW_TYPE_LIST));
      return SetSchema(schema->children[0], type.children[0]);
    case TypeKind::kMap: {
      NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(schema, NANOARROW_TYPE_MAP));
      ArrowSchema* entries = schema->children[0];
      NANOARROW_RETURN_NOT_OK(SetSchema(entries->children[0], type.children[0]));
      NANOARROW_RETURN_NOT_OK(SetSchema(entries->children[1], type.children[1]));
      entries->children[0]->flags &= ~ARROW_FLAG_NULLABLE;  // a key is never null
      return NANOARROW_OK;
    }
    default: return ArrowSchemaSetType(schema, PlainArrowType(type.kind));
  }
}

int SetSchema(ArrowSchema* schema, const Column& column) {
  NANOARROW_RETURN_NOT_OK(SetType(schema, column.type));
  return ArrowSchemaSetName(schema, column.name.c_str());
}

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
  bool ok = SetType(schema.get(), {.kind = TypeKind::kStruct, .children = schema_.columns}) ==
                NANOARROW_OK &&
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
