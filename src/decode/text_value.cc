#include "decode/text_value.h"

#include <cmath>
#include <limits>

#include "base/base64.h"
#include "base/text.h"
#include "data/value_text.h"

namespace millrace {

namespace {

constexpr int64_t kMicrosADay = 86'400'000'000;

// Microseconds since 1970 of a number of `unit`s.
bool FromEpoch(std::string_view number, EpochUnit unit, int64_t& micros) {
  int64_t whole = 0;
  switch (unit) {
    case EpochUnit::kNone: return false;
    case EpochUnit::kSeconds:
    case EpochUnit::kMillis: {
      // Seconds often have a fraction.
      __int128 value = 0;
      int scale = unit == EpochUnit::kSeconds ? 6 : 3;
      if (!ParseDecimal(number, 18, scale, value)) return false;
      micros = static_cast<int64_t>(value);
      return true;
    }
    case EpochUnit::kMicros: return ParseInteger(number, micros);
    case EpochUnit::kNanos:
      if (!ParseInteger(number, whole)) return false;
      micros = whole / 1000 - (whole % 1000 < 0);
      return true;
  }
  return false;
}

bool AppendTime(std::string_view text, EpochUnit epoch, ColumnBuilder& out) {
  int64_t micros = 0;
  if (!ParseMicros(text, micros) && !FromEpoch(text, epoch, micros)) return false;
  bool day = out.type().kind == TypeKind::kDate;
  if (day) micros = micros / kMicrosADay - (micros % kMicrosADay < 0);
  out.AppendInt(micros);
  return true;
}

bool AppendBoolean(std::string_view text, ColumnBuilder& out) {
  bool is_true = text == "true", is_false = text == "false";
  if (!is_true && !is_false) {
    std::string lower = ToLower(text);
    is_true = lower == "true";
    if (!is_true && lower != "false") return false;
  }
  out.AppendBool(is_true);
  return true;
}

bool AppendFloat(std::string_view text, ColumnBuilder& out) {
  double value = 0;
  if (!ParseReal(text, value)) return false;
  bool is_float = out.type().kind == TypeKind::kFloat;
  if (is_float && std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max())
    return false;
  is_float ? out.AppendFloat(static_cast<float>(value)) : out.AppendDouble(value);
  return true;
}

bool AppendWhole(std::string_view text, int bytes, ColumnBuilder& out) {
  int64_t value = 0;
  if (!ParseInteger(text, value) || !FitsWidth(value, bytes)) return false;
  out.AppendInt(value);
  return true;
}

}  // namespace

bool AppendText(std::string_view text, EpochUnit epoch, ColumnBuilder& out) {
  const Type& type = out.type();
  switch (type.kind) {
    case TypeKind::kBoolean: return AppendBoolean(text, out);
    case TypeKind::kTinyInt: return AppendWhole(text, 1, out);
    case TypeKind::kSmallInt: return AppendWhole(text, 2, out);
    case TypeKind::kInteger: return AppendWhole(text, 4, out);
    case TypeKind::kBigInt: return AppendWhole(text, 8, out);
    case TypeKind::kFloat:
    case TypeKind::kDouble: return AppendFloat(text, out);
    case TypeKind::kDecimal: {
      __int128 value = 0;
      if (!ParseDecimal(text, type.precision, type.scale, value)) return false;
      out.AppendDecimal(value);
      return true;
    }
    case TypeKind::kVarchar: out.AppendBytes(text); return true;
    case TypeKind::kBlob: {
      std::optional<std::string> bytes = FromBase64(text);
      if (bytes) out.AppendBytes(*bytes);
      return bytes.has_value();
    }
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return AppendTime(text, epoch, out);
    default: return false;
  }
}

}  // namespace millrace
