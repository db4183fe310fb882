// Rows made value by value, straight into Arrow's buffers: what decoders of records write to.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/rows.h"
#include "data/schema.h"

namespace millrace {

// Bytes that grow. They are malloc's, so that Arrow can take them over.
class GrowingBuffer {
 public:
  GrowingBuffer() = default;
  ~GrowingBuffer() { std::free(data_); }
  GrowingBuffer(const GrowingBuffer&) = delete;
  GrowingBuffer& operator=(const GrowingBuffer&) = delete;

  uint8_t* data() { return data_; }
  int64_t size() const { return size_; }
  int64_t capacity() const { return capacity_; }
  [[gnu::always_inline]] void Append(const void* bytes, size_t count) {
    if (size_ + static_cast<int64_t>(count) > capacity_) Grow(count);
    Copy(data_ + size_, static_cast<const uint8_t*>(bytes), count);
    size_ += static_cast<int64_t>(count);
  }
  template <class T>
  void Push(T value) {
    Append(&value, sizeof value);
  }
  void Shrink(int64_t size) { size_ = size; }
  // Gives the bytes away; begins anew, with room for as many.
  uint8_t* Release();

 private:
  void Grow(size_t count);  // std::bad_alloc, as of any container
  // Most values are short: two moves of a fixed size, which may overlap, are faster than a call.
  [[gnu::always_inline]] static void Copy(uint8_t* to, const uint8_t* from, size_t count) {
    if (count > 32) {
      std::memcpy(to, from, count);
    } else if (count >= 16) {
      CopyEnds<16>(to, from, count);
    } else if (count >= 8) {
      CopyEnds<8>(to, from, count);
    } else if (count >= 4) {
      CopyEnds<4>(to, from, count);
    } else if (count > 0) {
      to[0] = from[0];
      if (count > 1) CopyEnds<2>(to, from, count);
    }
  }
  template <size_t size>
  static void CopyEnds(uint8_t* to, const uint8_t* from, size_t count) {
    uint8_t first[size], last[size];
    std::memcpy(first, from, size);
    std::memcpy(last, from + count - size, size);
    std::memcpy(to, first, size);
    std::memcpy(to + count - size, last, size);
  }

  uint8_t* data_ = nullptr;
  int64_t size_ = 0, capacity_ = 0, last_size_ = 0;
};

// One column, or what lies below a nested one. Each Append adds one value and must be that of its
// kind.
class ColumnBuilder {
 public:
  // `full` is set when a column would outgrow Arrow's 32-bit offsets; it must outlive this.
  ColumnBuilder(const Type& type, bool* full);

  const Type& type() const { return type_; }
  int64_t length() const { return length_; }

  void AppendNull();
  // The kinds of whole numbers; kDate: days since 1970; kTimestamp(Tz): microseconds since then.
  void AppendInt(int64_t value) {
    switch (width_) {
      case 1: values_.Push(static_cast<int8_t>(value)); break;
      case 2: values_.Push(static_cast<int16_t>(value)); break;
      case 4: values_.Push(static_cast<int32_t>(value)); break;
      default: values_.Push(value);
    }
    AddValid();
  }
  void AppendFloat(float value) {
    values_.Push(value);
    AddValid();
  }
  void AppendDouble(double value) {
    values_.Push(value);
    AddValid();
  }
  // The unscaled value: 1.20 in DECIMAL(10,2) is 120.
  void AppendDecimal(__int128 value) {
    values_.Push(value);
    AddValid();
  }
  void AppendBool(bool value) {
    PushBit(values_, value);
    AddValid();
  }
  // kVarchar: UTF-8, which is not looked at here; kBlob.
  [[gnu::always_inline]] void AppendBytes(std::string_view value) {
    values_.Append(value.data(), value.size());
    EndOffset(values_.size());
    AddValid();
  }
  // The fields of a struct, the element of a list, key and value of a map.
  ColumnBuilder& child(size_t index) { return *children_[index]; }
  // After each child got one value.
  void EndStruct() { AddValid(); }
  // A list or map of what its children got since the last one ended.
  void EndList() {
    EndOffset(children_.back()->length_);
    AddValid();
  }

  // The bytes of a value that is not null, of a kind that is neither nested nor kBoolean.
  std::string_view Raw(int64_t index);
  // Whether two values from `begin` on are the same: keys of a map must not be.
  bool HasTwice(int64_t begin);

  // Drops what comes after the first `length` values.
  void Truncate(int64_t length);
  // Bytes in all buffers.
  int64_t bytes() const;
  // Moves all values into `array`, which was made for this type; empty afterwards. False: no
  // memory.
  bool MoveTo(ArrowArray* array);

 private:
  void PushBit(GrowingBuffer& bits, bool value) {
    if ((length_ & 7) == 0) bits.Push(uint8_t{0});
    if (value) bits.data()[length_ >> 3] |= static_cast<uint8_t>(1 << (length_ & 7));
  }
  void AddValid() {
    if (nulls_ > 0) PushBit(validity_, true);
    ++length_;
  }
  void EndOffset(int64_t end) {
    if (end > INT32_MAX) *full_ = true;
    offsets_.Push(static_cast<int32_t>(end));
  }
  bool IsList() const { return type_.kind == TypeKind::kList || type_.kind == TypeKind::kMap; }
  bool HasOffsets() const;
  void Reset();

  const Type type_;
  bool* const full_;
  int width_ = 0;  // bytes of a value; 0: bits, offsets or none
  int64_t length_ = 0, nulls_ = 0;
  GrowingBuffer validity_;  // only when there are nulls
  GrowingBuffer offsets_;   // begins with 0
  GrowingBuffer values_;
  std::vector<std::unique_ptr<ColumnBuilder>> children_;
};

class BatchBuilder {
 public:
  explicit BatchBuilder(Schema schema);

  const Schema& schema() const { return schema_; }
  ColumnBuilder& column(size_t index) { return *columns_[index]; }
  int64_t count() const { return count_; }

  // Each column has got one value more. kExhausted: a column would hold more than 2 GiB; the row is
  // dropped, and comes in after a Take.
  Status EndRow() {
    if (full_) return Full();
    ++count_;
    return Status::Ok();
  }
  // Drops what columns got since the last row ended.
  void Rollback();
  // The rows so far; the next one begins a new batch.
  Result<Rows> Take();

 private:
  Status Full();

  const Schema schema_;
  bool full_ = false;
  int64_t count_ = 0;
  std::vector<std::unique_ptr<ColumnBuilder>> columns_;
};

}  // namespace millrace
