#include "connect/postgres/column_builder.h"

#include <nanoarrow/nanoarrow.hpp>

#include <array>
#include <limits>

#include "connect/postgres/big_endian.h"
#include "connect/postgres/numeric.h"

namespace millrace::postgres {

namespace {

constexpr char kInfinite[] = "infinity is no time that the lake can hold";

}  // namespace

ColumnBuilder::ColumnBuilder(const PgType& type, ArrowArray* array)
    : type_(&type),
      array_(array),
      valid_(ArrowArrayValidityBitmap(array)),
      first_(ArrowArrayBuffer(array, 1)) {
  TypeKind kind = type.lake.kind;
  if (kind == TypeKind::kVarchar || kind == TypeKind::kBlob) bytes_ = ArrowArrayBuffer(array, 2);
  if (kind == TypeKind::kList) element_.emplace_back(type.element[0], array->children[0]);
}

void ColumnBuilder::Valid() {
  ++length_;
  if (nulls_) (void)ArrowBitmapAppend(valid_, 1, 1);
}

const char* ColumnBuilder::Null() {
  // There is no bitmap before the first null.
  if (!nulls_ && ArrowBitmapAppend(valid_, 1, length_) != NANOARROW_OK) return kNoMemory;
  if (ArrowBitmapAppend(valid_, 0, 1) != NANOARROW_OK) return kNoMemory;
  ++nulls_;
  ++length_;
  switch (type_->lake.kind) {
    case TypeKind::kVarchar:
    case TypeKind::kBlob:
      return ArrowBufferAppendInt32(first_, static_cast<int32_t>(bytes_->size_bytes)) ? kNoMemory
                                                                                      : nullptr;
    case TypeKind::kList: {
      auto end = static_cast<int32_t>(element_[0].length_);
      return ArrowBufferAppendInt32(first_, end) ? kNoMemory : nullptr;
    }
    case TypeKind::kBoolean: return ArrowBufferAppendInt8(first_, 0) ? kNoMemory : nullptr;
    case TypeKind::kDecimal: return ArrowBufferAppendFill(first_, 0, 16) ? kNoMemory : nullptr;
    case TypeKind::kTinyInt: return ArrowBufferAppendFill(first_, 0, 1) ? kNoMemory : nullptr;
    case TypeKind::kSmallInt: return ArrowBufferAppendFill(first_, 0, 2) ? kNoMemory : nullptr;
    case TypeKind::kInteger:
    case TypeKind::kFloat:
    case TypeKind::kDate: return ArrowBufferAppendFill(first_, 0, 4) ? kNoMemory : nullptr;
    default: return ArrowBufferAppendFill(first_, 0, 8) ? kNoMemory : nullptr;
  }
}

template <class T>
const char* ColumnBuilder::Fixed(T value) {
  if (ArrowBufferAppend(first_, &value, sizeof value) != NANOARROW_OK) return kNoMemory;
  Valid();
  return nullptr;
}
template const char* ColumnBuilder::Fixed(int16_t);
template const char* ColumnBuilder::Fixed(int32_t);
template const char* ColumnBuilder::Fixed(int64_t);
template const char* ColumnBuilder::Fixed(float);
template const char* ColumnBuilder::Fixed(double);
template const char* ColumnBuilder::Fixed(Int128);

const char* ColumnBuilder::Bytes(std::string_view bytes) {
  int64_t end = bytes_->size_bytes + static_cast<int64_t>(bytes.size());
  if (end > std::numeric_limits<int32_t>::max()) return "it is too long";
  if (ArrowBufferAppend(bytes_, bytes.data(), static_cast<int64_t>(bytes.size())) != NANOARROW_OK ||
      ArrowBufferAppendInt32(first_, static_cast<int32_t>(end)) != NANOARROW_OK)
    return kNoMemory;
  Valid();
  return nullptr;
}

// A byte each; Close() makes bits of them.
const char* ColumnBuilder::Bool(bool value) { return Fixed(static_cast<int8_t>(value)); }

const char* ColumnBuilder::Uuid(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<char, 36> text;
  size_t at = 0;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    auto byte = static_cast<unsigned char>(bytes[i]);
    text[at++] = kDigits[byte >> 4];
    text[at++] = kDigits[byte & 15];
  }
  return Bytes({text.data(), text.size()});
}

const char* ColumnBuilder::Decimal(std::string_view bytes) {
  if (type_->any_number) return Bytes(NumericText(bytes));
  std::optional<Int128> value = DecodeNumeric(bytes, type_->lake.scale);
  return value ? Fixed(*value) : "it is no number that the lake can hold";
}

const char* ColumnBuilder::Binary(std::string_view bytes) {
  const char* at = bytes.data();
  auto is = [&](size_t size) { return bytes.size() == size; };
  switch (type_->wire) {
    case Wire::kBool: return is(1) ? Bool(*at != 0) : kBroken;
    case Wire::kInt2: return is(2) ? Fixed(ReadInt<int16_t>(at)) : kBroken;
    case Wire::kInt4: return is(4) ? Fixed(ReadInt<int32_t>(at)) : kBroken;
    case Wire::kInt8: return is(8) ? Fixed(ReadInt<int64_t>(at)) : kBroken;
    case Wire::kFloat4: return is(4) ? Fixed(std::bit_cast<float>(ReadInt<uint32_t>(at))) : kBroken;
    case Wire::kFloat8:
      return is(8) ? Fixed(std::bit_cast<double>(ReadInt<uint64_t>(at))) : kBroken;
    case Wire::kText:
    case Wire::kBytea: return Bytes(bytes);
    case Wire::kJsonb: return bytes.empty() ? kBroken : Bytes(bytes.substr(1));
    case Wire::kUuid: return is(16) ? Uuid(bytes) : kBroken;
    case Wire::kNumeric: return Decimal(bytes);
    case Wire::kArray: return BinaryArray(bytes);
    case Wire::kDate: {
      if (!is(4)) return kBroken;
      int64_t days = ReadInt<int32_t>(at) + kDaysTo2000;
      bool fits = days <= std::numeric_limits<int32_t>::max() && ReadInt<int32_t>(at) != INT32_MIN;
      return fits ? Fixed(static_cast<int32_t>(days)) : kInfinite;
    }
    case Wire::kTimestamp:
    case Wire::kTimestampTz: {
      if (!is(8)) return kBroken;
      int64_t micros = 0, sent = ReadInt<int64_t>(at);
      if (sent == INT64_MIN || __builtin_add_overflow(sent, kMicrosTo2000, &micros))
        return kInfinite;
      return Fixed(micros);
    }
  }
  return kBroken;
}

const char* ColumnBuilder::EndList(int64_t /*count*/) {
  if (ArrowBufferAppendInt32(first_, static_cast<int32_t>(element_[0].length_))) return kNoMemory;
  Valid();
  return nullptr;
}

// Dimensions, whether there are nulls, the elements' type; of each dimension its length and where
// it begins; then the elements, each with its length (src/backend/utils/adt/arrayfuncs.c).
const char* ColumnBuilder::BinaryArray(std::string_view bytes) {
  if (bytes.size() < 12) return kBroken;
  int32_t dimensions = ReadInt<int32_t>(bytes.data());
  if (dimensions == 0) return EndList(0);
  if (dimensions != 1)
    return "it is an array of arrays: cast it to text, or unnest it, in a `query`";
  if (bytes.size() < 20) return kBroken;
  int32_t count = ReadInt<int32_t>(bytes.data() + 12);
  bytes.remove_prefix(20);
  for (int32_t i = 0; i < count; ++i) {
    if (bytes.size() < 4) return kBroken;
    int32_t size = ReadInt<int32_t>(bytes.data());
    bytes.remove_prefix(4);
    if (size >= 0 && bytes.size() < static_cast<size_t>(size)) return kBroken;
    const char* wrong = size < 0 ? element_[0].Null()
                                 : element_[0].Binary(bytes.substr(0, static_cast<size_t>(size)));
    if (wrong) return wrong;
    if (size > 0) bytes.remove_prefix(static_cast<size_t>(size));
  }
  return EndList(count);
}

void ColumnBuilder::Close() {
  if (type_->lake.kind == TypeKind::kBoolean) {
    int64_t bytes = first_->size_bytes;
    for (int64_t i = 0; i < (bytes + 7) / 8; ++i) {
      uint8_t bits = 0;
      for (int64_t j = i * 8; j < bytes && j < i * 8 + 8; ++j)
        bits = static_cast<uint8_t>(bits | (first_->data[j] ? 1 << (j % 8) : 0));
      first_->data[i] = bits;
    }
    first_->size_bytes = (bytes + 7) / 8;
  }
  for (ColumnBuilder& each : element_) each.Close();
  array_->length = length_;
  array_->null_count = nulls_;
}

}  // namespace millrace::postgres
