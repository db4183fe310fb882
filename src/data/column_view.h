// Values of rows, read one by one from Arrow's buffers: what encoders of records read from.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/rows.h"
#include "data/schema.h"

namespace millrace {

// Of one column, or what lies below a nested one. Valid while its Rows live.
class ColumnView {
 public:
  const Type& type() const { return type_; }

  bool IsNull(int64_t row) const {
    int64_t bit = row + offset_;
    return validity_ != nullptr && (validity_[bit >> 3] >> (bit & 7) & 1) == 0;
  }
  // Each of these is for its kinds, and for rows that are not null.
  bool Bool(int64_t row) const {
    int64_t bit = row + offset_;
    return (values_[bit >> 3] >> (bit & 7) & 1) != 0;
  }
  // Whole numbers; kDate: days since 1970; kTimestamp(Tz): microseconds.
  int64_t Int(int64_t row) const {
    switch (width_) {
      case 1: return Read<int8_t>(row);
      case 2: return Read<int16_t>(row);
      case 4: return Read<int32_t>(row);
      default: return Read<int64_t>(row) * multiply_ / divide_;
    }
  }
  float Float(int64_t row) const { return Read<float>(row); }
  double Double(int64_t row) const { return Read<double>(row); }
  // Unscaled.
  __int128 Decimal(int64_t row) const { return Read<__int128>(row); }
  // kVarchar, kBlob.
  std::string_view Bytes(int64_t row) const {
    auto [begin, end] = Span(row);
    return {reinterpret_cast<const char*>(data_ + begin), static_cast<size_t>(end - begin)};
  }
  // kList, kMap: first and one past the last row of the children that belong to it.
  std::pair<int64_t, int64_t> List(int64_t row) const { return Span(row); }
  // Rows of a struct's children are its own.
  const ColumnView& child(size_t index) const { return children_[index]; }

 private:
  friend class RowsView;

  template <class T>
  T Read(int64_t row) const {
    T value;
    std::memcpy(&value, values_ + (row + offset_) * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return value;
  }
  std::pair<int64_t, int64_t> Span(int64_t row) const {
    if (wide_offsets_) return {Read<int64_t>(row), Read<int64_t>(row + 1)};
    return {Read<int32_t>(row), Read<int32_t>(row + 1)};
  }

  Type type_;
  int width_ = 0;  // bytes of a value
  bool wide_offsets_ = false;
  int64_t offset_ = 0;                 // of the first row in the buffers
  int64_t multiply_ = 1, divide_ = 1;  // to microseconds
  const uint8_t* validity_ = nullptr;
  const uint8_t* values_ = nullptr;  // or offsets
  const uint8_t* data_ = nullptr;    // what offsets lead into
  std::vector<ColumnView> children_;
};

class RowsView {
 public:
  // kInvalid for a type that is none of the lake's.
  static Result<RowsView> Of(const Rows& rows);

  int64_t count() const { return rows_.count(); }
  size_t columns() const { return columns_.size(); }
  const ColumnView& column(size_t index) const { return columns_[index]; }

 private:
  static Status Fill(const ArrowSchema& schema, const ArrowArray& array, int64_t offset,
                     ColumnView& view);

  Rows rows_;
  std::vector<ColumnView> columns_;
};

}  // namespace millrace
