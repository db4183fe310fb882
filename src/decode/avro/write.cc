#include "decode/avro/write.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/text.h"
#include "data/value_text.h"

namespace millrace::avro {

namespace {

using Code = WriteStep::Code;

constexpr size_t kMostShown = 100;  // bytes of a value in a message

template <class T>
void AppendRaw(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

class Writer {
 public:
  Writer(const std::vector<WriteStep>& steps, std::string& out) : steps_(steps), out_(out) {}

  bool Value(int step, const ColumnView& column, int64_t row);
  // `child(i)` gives column number i.
  template <class Child>
  bool Fields(const WriteStep& step, int64_t row, const Child& child) {
    for (size_t i = 0; i < step.steps.size(); ++i) {
      if (step.columns[i] < 0) {
        out_ += step.defaults[i];
      } else if (!Value(step.steps[i], child(static_cast<size_t>(step.columns[i])), row)) {
        path_ = step.names[i] + (path_.empty() || path_[0] == '[' ? "" : ".") + path_;
        return false;
      }
    }
    return true;
  }
  const WriteStep& At(int step) const { return steps_[static_cast<size_t>(step)]; }
  Status Rejection() const {
    return {millrace::Code::kRejected, path_.empty() ? what_ : path_ + ": " + what_};
  }

 private:
  bool Wrong(std::string what) {
    what_ = std::move(what);
    return false;
  }
  bool Wrong(std::string_view value, const char* what) {
    return Wrong("'" + CutText(std::string(value.substr(0, 4 * kMostShown)), kMostShown) + "' " +
                 what);
  }
  void Bytes(std::string_view bytes) {
    AppendLong(out_, static_cast<int64_t>(bytes.size()));
    out_ += bytes;
  }
  bool Scalar(const WriteStep& step, const ColumnView& column, int64_t row);
  bool Elements(const WriteStep& step, const ColumnView& column, int64_t row);
  bool Member(const WriteStep& step, const ColumnView& column, int64_t row);
  bool Real(const WriteStep& step, const ColumnView& column, int64_t row);
  bool Decimal(const WriteStep& step, const ColumnView& column, int64_t row);
  bool Time(const WriteStep& step, const ColumnView& column, int64_t row);
  bool Uuid(std::string_view text);
  bool Duration(const ColumnView& column, int64_t row);

  const std::vector<WriteStep>& steps_;
  std::string& out_;
  std::string what_, path_;
};

bool Writer::Value(int index, const ColumnView& column, int64_t row) {
  const WriteStep& step = At(index);
  if (column.IsNull(row)) {
    if (!step.null) return Wrong("it is null, which the schema does not allow");
    out_ += *step.null;
    return true;
  }
  out_ += step.before;
  switch (step.code) {
    case Code::kBytes: Bytes(column.Bytes(row)); return true;
    case Code::kInt: {
      int64_t value = column.Int(row);
      if (step.is_int && !FitsWidth(value, 4))
        return Wrong(std::to_string(value), "is too large for an int");
      AppendLong(out_, value);
      return true;
    }
    case Code::kRecord:
      return Fields(step, row, [&](size_t i) -> const ColumnView& { return column.child(i); });
    case Code::kArray:
    case Code::kMap:
    case Code::kEntries: return Elements(step, column, row);
    case Code::kMember: return Member(step, column, row);
    default: return Scalar(step, column, row);
  }
}

bool Writer::Scalar(const WriteStep& step, const ColumnView& column, int64_t row) {
  switch (step.code) {
    case Code::kNothing: return Wrong("the schema allows nothing but null");
    case Code::kBoolean: out_ += column.Bool(row) ? '\1' : '\0'; return true;
    case Code::kReal:
    case Code::kIntToReal: return Real(step, column, row);
    case Code::kFixed: {
      std::string_view bytes = column.Bytes(row);
      if (static_cast<int64_t>(bytes.size()) != step.number)
        return Wrong("it has " + std::to_string(bytes.size()) + " bytes, not " +
                     std::to_string(step.number));
      out_ += bytes;
      return true;
    }
    case Code::kDecimal: return Decimal(step, column, row);
    case Code::kTime:
    case Code::kTimeOfDay: return Time(step, column, row);
    case Code::kUuid: return Uuid(column.Bytes(row));
    case Code::kEnum: {
      auto symbol = step.symbols.find(column.Bytes(row));
      if (symbol == step.symbols.end())
        return Wrong(column.Bytes(row), "is none of the enum's symbols");
      AppendLong(out_, symbol->second);
      return true;
    }
    default: return Duration(column, row);
  }
}

bool Writer::Elements(const WriteStep& step, const ColumnView& column, int64_t row) {
  auto [begin, end] = column.List(row);
  if (begin < end) AppendLong(out_, end - begin);
  for (int64_t i = begin; i < end; ++i) {
    bool ok = true;
    if (step.code == Code::kEntries) {
      ok = Fields(At(step.steps[0]), i,
                  [&](size_t child) -> const ColumnView& { return column.child(child); });
    } else {
      if (step.code == Code::kMap) Bytes(column.child(0).Bytes(i));
      ok = Value(step.steps[0], column.child(step.code == Code::kMap ? 1 : 0), i);
    }
    if (ok) continue;
    path_ = "[" + std::to_string(i - begin) + "]" + (path_.empty() ? "" : ".") + path_;
    return false;
  }
  AppendLong(out_, 0);
  return true;
}

bool Writer::Member(const WriteStep& step, const ColumnView& column, int64_t row) {
  int found = -1;
  for (size_t i = 0; i < step.steps.size(); ++i) {
    if (column.child(i).IsNull(row)) continue;
    if (found >= 0) return Wrong("more than one member of a union is there");
    found = static_cast<int>(i);
  }
  if (found < 0 && step.null) {
    out_ += *step.null;
    return true;
  }
  if (found < 0) return Wrong("no member of a union is there");
  out_ += step.branches[static_cast<size_t>(found)];
  return Value(step.steps[static_cast<size_t>(found)], column.child(static_cast<size_t>(found)),
               row);
}

bool Writer::Real(const WriteStep& step, const ColumnView& column, int64_t row) {
  double value = 0;
  if (step.code == Code::kIntToReal) {
    value = static_cast<double>(column.Int(row));
  } else {
    value = column.type().kind == TypeKind::kFloat ? column.Float(row) : column.Double(row);
  }
  bool fits = !std::isfinite(value) || std::abs(value) <= std::numeric_limits<float>::max();
  if (step.number == 4 && !fits) return Wrong("a number is too large for a float");
  step.number == 4 ? AppendRaw(out_, static_cast<float>(value)) : AppendRaw(out_, value);
  return true;
}

bool Writer::Decimal(const WriteStep& step, const ColumnView& column, int64_t row) {
  __int128 value = column.Decimal(row);
  for (int i = 0; i < step.scale; ++i) {
    if (!FitsPrecision(value, 37)) return Wrong("a decimal has more digits than the schema allows");
    value *= 10;
  }
  if (!FitsPrecision(value, step.precision))
    return Wrong("a decimal has more digits than the schema allows");
  char bytes[sizeof value];
  for (int i = sizeof value - 1; i >= 0; --i, value >>= 8) bytes[i] = static_cast<char>(value);
  char sign = bytes[0] < 0 ? '\xff' : '\0';
  std::string_view number(bytes, sizeof bytes);
  while (number.size() > 1 && number[0] == sign && (number[1] < 0) == (sign != 0))
    number.remove_prefix(1);
  if (step.number < 0) {
    Bytes(number);
    return true;
  }
  if (static_cast<int64_t>(number.size()) > step.number)
    return Wrong("a decimal is too large for " + std::to_string(step.number) + " bytes");
  out_.append(static_cast<size_t>(step.number) - number.size(), sign);
  out_ += number;
  return true;
}

bool Writer::Time(const WriteStep& step, const ColumnView& column, int64_t row) {
  int64_t micros = 0, value = 0;
  if (step.code == Code::kTime) {
    micros = column.Int(row);
  } else if (!ParseTimeOfDay(column.Bytes(row), micros)) {
    return Wrong(column.Bytes(row), "is no time of day");
  }
  if (__builtin_mul_overflow(micros, step.multiply, &value))
    return Wrong("a time is out of the schema's range");
  AppendLong(out_, value / step.divide - (value % step.divide < 0));
  return true;
}

bool Writer::Uuid(std::string_view text) {
  std::string bytes;
  int high = -1;
  for (char c : text) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0 && c != '-') return Wrong(text, "is no UUID");
    if (digit < 0) continue;
    if (high >= 0) bytes += static_cast<char>(high << 4 | digit);
    high = high >= 0 ? -1 : digit;
  }
  if (bytes.size() != 16 || high >= 0 || text.size() != 36) return Wrong(text, "is no UUID");
  out_ += bytes;
  return true;
}

bool Writer::Duration(const ColumnView& column, int64_t row) {
  for (size_t i = 0; i < 3; ++i) {
    bool null = column.child(i).IsNull(row);
    int64_t part = null ? -1 : column.child(i).Int(row);
    if (part < 0 || part > std::numeric_limits<uint32_t>::max())
      return Wrong("a part of a duration is null, negative or too large");
    AppendRaw(out_, static_cast<uint32_t>(part));
  }
  return true;
}

}  // namespace

Status WritePlan::Append(const RowsView& rows, int64_t row, std::string& out) const {
  Writer writer(steps_, out);
  auto column = [&](size_t i) -> const ColumnView& { return rows.column(i); };
  const WriteStep& root = writer.At(root_);
  bool ok = whole_ ? writer.Value(root_, rows.column(0), row) : writer.Fields(root, row, column);
  return ok ? Status::Ok() : writer.Rejection();
}

}  // namespace millrace::avro
