#include "data/column_builder.h"

#include <nanoarrow/nanoarrow.h>

#include <algorithm>
#include <nanoarrow/nanoarrow.hpp>
#include <new>
#include <utility>

namespace millrace {

namespace {

int WidthOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kTinyInt: return 1;
    case TypeKind::kSmallInt: return 2;
    case TypeKind::kInteger:
    case TypeKind::kFloat:
    case TypeKind::kDate: return 4;
    case TypeKind::kBigInt:
    case TypeKind::kDouble:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return 8;
    case TypeKind::kDecimal: return 16;
    default: return 0;
  }
}

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

void GrowingBuffer::Grow(size_t count) {
  int64_t wanted =
      std::max({size_ + static_cast<int64_t>(count), capacity_ * 2, last_size_, int64_t{64}});
  void* grown = std::realloc(data_, static_cast<size_t>(wanted));
  if (grown == nullptr) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(grown);
  capacity_ = wanted;
}

uint8_t* GrowingBuffer::Release() {
  last_size_ = size_;
  size_ = capacity_ = 0;
  return std::exchange(data_, nullptr);
}

ColumnBuilder::ColumnBuilder(const Type& type, bool* full)
    : type_(type), full_(full), width_(WidthOf(type.kind)) {
  for (const Column& child : type.children)
    children_.push_back(std::make_unique<ColumnBuilder>(child.type, full));
  Reset();
}

bool ColumnBuilder::HasOffsets() const {
  return IsList() || type_.kind == TypeKind::kVarchar || type_.kind == TypeKind::kBlob;
}

void ColumnBuilder::Reset() {
  length_ = nulls_ = 0;
  if (HasOffsets()) offsets_.Push(int32_t{0});
}

void ColumnBuilder::AppendNull() {
  if (nulls_ == 0) {  // those before were valid
    validity_.Shrink(0);
    for (int64_t i = 0; i < (length_ + 7) / 8; ++i) validity_.Push(uint8_t{0xff});
    if (length_ & 7)
      validity_.data()[length_ >> 3] = static_cast<uint8_t>((1 << (length_ & 7)) - 1);
  }
  PushBit(validity_, false);
  if (width_ > 0) {
    static constexpr uint8_t kZeros[16] = {};
    values_.Append(kZeros, static_cast<size_t>(width_));
  } else if (HasOffsets()) {
    EndOffset(IsList() ? children_.back()->length_ : values_.size());
  } else if (type_.kind == TypeKind::kStruct) {
    for (auto& child : children_) child->AppendNull();
  } else {
    PushBit(values_, false);
  }
  ++nulls_;
  ++length_;
}

void ColumnBuilder::Truncate(int64_t length) {
  if (length >= length_) {
    // A nested value may have been begun.
    int64_t below = type_.kind == TypeKind::kStruct ? length_ : -1;
    if (IsList()) below = reinterpret_cast<int32_t*>(offsets_.data())[length_];
    for (auto& child : children_) child->Truncate(below);
    return;
  }
  if (nulls_ > 0) {
    for (int64_t i = length; i < length_; ++i)
      nulls_ -= ((validity_.data()[i >> 3] >> (i & 7)) & 1) == 0;
    validity_.Shrink((length + 7) / 8);
    if (length & 7) validity_.data()[length >> 3] &= static_cast<uint8_t>((1 << (length & 7)) - 1);
  }
  length_ = length;
  if (width_ > 0) {
    values_.Shrink(length * width_);
  } else if (HasOffsets()) {
    offsets_.Shrink((length + 1) * static_cast<int64_t>(sizeof(int32_t)));
    int32_t end = reinterpret_cast<int32_t*>(offsets_.data())[length];
    for (auto& child : children_) child->Truncate(end);
    if (children_.empty()) values_.Shrink(end);
  } else if (type_.kind == TypeKind::kStruct) {
    for (auto& child : children_) child->Truncate(length);
  } else {
    values_.Shrink((length + 7) / 8);
    if (length & 7) values_.data()[length >> 3] &= static_cast<uint8_t>((1 << (length & 7)) - 1);
  }
}

int64_t ColumnBuilder::bytes() const {
  int64_t bytes = validity_.size() + offsets_.size() + values_.size();
  for (const auto& child : children_) bytes += child->bytes();
  return bytes;
}

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

BatchBuilder::BatchBuilder(Schema schema) : schema_(std::move(schema)) {
  for (const Column& column : schema_.columns)
    columns_.push_back(std::make_unique<ColumnBuilder>(column.type, &full_));
}

void BatchBuilder::Rollback() {
  full_ = false;
  for (auto& column : columns_) column->Truncate(count_);
}

Status BatchBuilder::Full() {
  Rollback();
  return {Code::kExhausted, "a batch of rows has more than 2 GiB in one column",
          "make batches smaller"};
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
