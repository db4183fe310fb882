#include "connect/postgres/copy_writer.h"

#include <nanoarrow/nanoarrow.hpp>

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "base/text.h"
#include "connect/postgres/big_endian.h"
#include "connect/postgres/numeric.h"

namespace millrace::postgres {

namespace {

constexpr size_t kPiece = 128 << 10;  // bytes that are sent at once
constexpr std::string_view kHeader{"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", 19};
constexpr int64_t kMostField = 0x3fffffff;  // the server takes no longer ones

int HexOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool AppendUuid(std::string_view text, std::string& out) {
  std::array<char, 16> bytes;
  size_t digits = 0;
  int high = 0;
  for (char c : text) {
    if (c == '-' || c == '{' || c == '}') continue;
    int value = HexOf(c);
    if (value < 0 || digits >= 32) return false;
    if (digits % 2 == 0)
      high = value;
    else
      bytes[digits / 2] = static_cast<char>(high << 4 | value);
    ++digits;
  }
  if (digits != 32) return false;
  out.append(bytes.data(), bytes.size());
  return true;
}

// One value behind its length, which is put in afterwards. False: the type cannot hold it.
class Field {
 public:
  explicit Field(std::string& out) : out_(out), at_(out.size()) { AppendInt<int32_t>(0, out_); }
  void Close() {
    WriteInt<int32_t>(static_cast<int32_t>(out_.size() - at_ - 4), out_.data() + at_);
  }

 private:
  std::string& out_;
  const size_t at_;
};

template <class T>
void AppendFixed(T value, std::string& out) {
  char bytes[4 + sizeof(T)];
  WriteInt<int32_t>(sizeof(T), bytes);
  WriteInt<T>(value, bytes + 4);
  out.append(bytes, sizeof bytes);
}

bool IsText(ArrowType type) {
  return type == NANOARROW_TYPE_STRING || type == NANOARROW_TYPE_LARGE_STRING ||
         type == NANOARROW_TYPE_STRING_VIEW;
}

std::string_view BytesAt(const ArrowArrayView& view, int64_t row) {
  ArrowBufferView bytes = ArrowArrayViewGetBytesUnsafe(&view, row);
  return {bytes.data.as_char, static_cast<size_t>(bytes.size_bytes)};
}

Int128 DecimalAt(const ArrowArrayView& view, int64_t row) {
  Int128 value;
  std::memcpy(&value, view.buffer_views[1].data.as_uint8 + 16 * (row + view.offset), 16);
  return value;
}

bool AppendNumber(const ArrowArrayView& view, int64_t row, const PgType& type, std::string& out) {
  if (view.storage_type == NANOARROW_TYPE_DECIMAL128) {
    // Without a precision the rows' own type is the column's: its scale is in the type.
    EncodeNumeric(DecimalAt(view, row), type.lake.scale, out);
    return true;
  }
  if (IsText(view.storage_type)) return EncodeNumeric(BytesAt(view, row), out);
  if (view.storage_type != NANOARROW_TYPE_DOUBLE && view.storage_type != NANOARROW_TYPE_FLOAT) {
    EncodeNumeric(ArrowArrayViewGetIntUnsafe(&view, row), 0, out);
    return true;
  }
  std::array<char, 64> text;
  double value = ArrowArrayViewGetDoubleUnsafe(&view, row);
  char* end = view.storage_type == NANOARROW_TYPE_FLOAT
                  ? std::to_chars(text.begin(), text.end(), static_cast<float>(value)).ptr
                  : std::to_chars(text.begin(), text.end(), value).ptr;
  return EncodeNumeric(std::string_view(text.begin(), static_cast<size_t>(end - text.begin())),
                       out);
}

// The engine's infinities are PostgreSQL's, though by other numbers.
bool AppendTime(int64_t micros, std::string& out) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  int64_t value = 0;
  if (micros == kMost || micros == -kMost)
    value = micros == kMost ? kMost : std::numeric_limits<int64_t>::min();
  else if (__builtin_sub_overflow(micros, kMicrosTo2000, &value))
    return false;
  AppendFixed(value, out);
  return true;
}
void AppendDate(int64_t days, std::string& out) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (days == kMost || days == -kMost)
    return AppendFixed(
        days > 0 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int32_t>::min(), out);
  AppendFixed(static_cast<int32_t>(days - kDaysTo2000), out);
}

bool AppendValue(const ArrowArrayView& view, int64_t row, const PgType& type, std::string& out);

bool AppendArray(const ArrowArrayView& view, int64_t row, const PgType& type, std::string& out) {
  const PgType& element = type.element[0];
  const ArrowArrayView& child = *view.children[0];
  int64_t at = row + view.offset;
  int64_t first = ArrowArrayViewListChildOffset(&view, at);
  int64_t count = ArrowArrayViewListChildOffset(&view, at + 1) - first;
  bool nulls = false;
  for (int64_t i = first; i < first + count; ++i) nulls = nulls || ArrowArrayViewIsNull(&child, i);
  Field field(out);
  AppendInt<int32_t>(count ? 1 : 0, out);  // dimensions
  AppendInt<int32_t>(nulls, out);
  AppendInt<uint32_t>(element.oid, out);
  if (count) {
    AppendInt<int32_t>(static_cast<int32_t>(count), out);
    AppendInt<int32_t>(1, out);  // where it begins
  }
  for (int64_t i = first; i < first + count; ++i) {
    if (ArrowArrayViewIsNull(&child, i))
      AppendInt<int32_t>(-1, out);
    else if (!AppendValue(child, i, element, out))
      return false;
  }
  field.Close();
  return true;
}

bool AppendLong(std::string_view bytes, std::string& out) {
  if (bytes.size() > kMostField) return false;
  AppendInt(static_cast<int32_t>(bytes.size()), out);
  out.append(bytes);
  return true;
}

bool AppendValue(const ArrowArrayView& view, int64_t row, const PgType& type, std::string& out) {
  auto integer = [&] { return ArrowArrayViewGetIntUnsafe(&view, row); };
  switch (type.wire) {
    case Wire::kBool: AppendFixed(static_cast<int8_t>(integer() != 0), out); return true;
    case Wire::kInt2: AppendFixed(static_cast<int16_t>(integer()), out); return true;
    case Wire::kInt4: AppendFixed(static_cast<int32_t>(integer()), out); return true;
    case Wire::kInt8: AppendFixed(integer(), out); return true;
    case Wire::kFloat4:
      AppendFixed(
          std::bit_cast<uint32_t>(static_cast<float>(ArrowArrayViewGetDoubleUnsafe(&view, row))),
          out);
      return true;
    case Wire::kFloat8:
      AppendFixed(std::bit_cast<uint64_t>(ArrowArrayViewGetDoubleUnsafe(&view, row)), out);
      return true;
    case Wire::kDate: AppendDate(integer(), out); return true;
    case Wire::kTimestamp:
    case Wire::kTimestampTz: return AppendTime(integer(), out);
    case Wire::kText:
    case Wire::kBytea: return AppendLong(BytesAt(view, row), out);
    case Wire::kArray: return AppendArray(view, row, type, out);
    case Wire::kJsonb:
    case Wire::kUuid:
    case Wire::kNumeric: break;
  }
  Field field(out);
  bool held = true;
  if (type.wire == Wire::kNumeric) {
    held = AppendNumber(view, row, type, out);
  } else if (type.wire == Wire::kUuid) {
    held = AppendUuid(BytesAt(view, row), out);
  } else {
    std::string_view text = BytesAt(view, row);
    held = text.size() < kMostField;
    out += '\1';  // the version of jsonb's form
    if (held) out.append(text);
  }
  field.Close();
  return held;
}

}  // namespace

CopyWriter::CopyWriter(std::vector<std::string> names, std::vector<PgType> types, bool numbered)
    : names_(std::move(names)), types_(std::move(types)), numbered_(numbered), buffer_(kHeader) {}

Status CopyWriter::Write(const Rows& rows, const Send& send) {
  nanoarrow::UniqueArrayView view;
  if (ArrowArrayViewInitFromSchema(view.get(), rows.schema(), nullptr) != NANOARROW_OK ||
      ArrowArrayViewSetArray(view.get(), rows.array(), nullptr) != NANOARROW_OK ||
      view->n_children != static_cast<int64_t>(types_.size()))
    return Internal("rows that are not what their schema says");
  auto fields = static_cast<int16_t>(types_.size() + numbered_);
  for (int64_t row = 0; row < rows.count(); ++row) {
    AppendInt(fields, buffer_);
    for (size_t i = 0; i < types_.size(); ++i) {
      const ArrowArrayView& column = *view->children[i];
      if (ArrowArrayViewIsNull(&column, row)) {
        AppendInt<int32_t>(-1, buffer_);
      } else if (!AppendValue(column, row, types_[i], buffer_)) {
        std::string value = IsText(column.storage_type)
                                ? " '" + CutText(std::string(BytesAt(column, row)), 100) + "'"
                                : "";
        return {Code::kRejected,
                "column '" + names_[i] + "', row " + std::to_string(rows_ + row + 1) +
                    ": the value" + value + " does not fit the column's type",
                "correct it in the task's SQL, or put such rows aside by a check"};
      }
    }
    if (numbered_) AppendFixed<int64_t>(rows_ + row + 1, buffer_);
    TRY(Flush(send, kPiece));
  }
  rows_ += rows.count();
  return Status::Ok();
}

Status CopyWriter::Flush(const Send& send, size_t least) {
  if (buffer_.size() < least) return Status::Ok();
  bytes_ += static_cast<int64_t>(buffer_.size());
  Status sent = send(buffer_);
  buffer_.clear();
  return sent;
}

Status CopyWriter::End(const Send& send) {
  AppendInt<int16_t>(-1, buffer_);
  return Flush(send, 0);
}

}  // namespace millrace::postgres
