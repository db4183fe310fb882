#include "data/column_builder.h"

#include <algorithm>
#include <new>
#include <unordered_set>
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
    values_.Append(kZeros, std::min(sizeof kZeros, static_cast<size_t>(width_)));
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

std::string_view ColumnBuilder::Raw(int64_t index) {
  const char* values = reinterpret_cast<const char*>(values_.data());
  if (width_ > 0) return {values + index * width_, static_cast<size_t>(width_)};
  const int32_t* offsets = reinterpret_cast<const int32_t*>(offsets_.data());
  return {values + offsets[index], static_cast<size_t>(offsets[index + 1] - offsets[index])};
}

bool ColumnBuilder::HasTwice(int64_t begin) {
  constexpr int64_t kFew = 16;
  if (type_.kind == TypeKind::kBoolean) {
    auto bit = [&](int64_t i) { return values_.data()[i >> 3] >> (i & 7) & 1; };
    return length_ - begin > 2 || (length_ - begin == 2 && bit(begin) == bit(begin + 1));
  }
  if (length_ - begin <= kFew) {
    for (int64_t i = begin; i < length_; ++i) {
      for (int64_t j = begin; j < i; ++j) {
        if (Raw(i) == Raw(j)) return true;
      }
    }
    return false;
  }
  std::unordered_set<std::string_view> seen;
  for (int64_t i = begin; i < length_; ++i) {
    if (!seen.insert(Raw(i)).second) return true;
  }
  return false;
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

}  // namespace millrace
