// Rows → records of JSON, CSV, text and bytes.
#include <cmath>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "base/utf8.h"
#include "data/column_view.h"
#include "data/value_text.h"
#include "decode/record_decoders.h"

namespace millrace {

namespace {

// A scalar as text, without quotes.
void AppendScalar(std::string& out, const ColumnView& column, int64_t row) {
  switch (column.type().kind) {
    case TypeKind::kBoolean: out += column.Bool(row) ? "true" : "false"; break;
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInteger:
    case TypeKind::kBigInt: out += std::to_string(column.Int(row)); break;
    case TypeKind::kFloat: AppendReal(out, column.Float(row)); break;
    case TypeKind::kDouble: AppendReal(out, column.Double(row)); break;
    case TypeKind::kDecimal: AppendDecimal(out, column.Decimal(row), column.type().scale); break;
    case TypeKind::kVarchar: out += column.Bytes(row); break;
    case TypeKind::kBlob: out += Base64(column.Bytes(row)); break;
    case TypeKind::kDate: AppendDay(out, static_cast<int32_t>(column.Int(row))); break;
    case TypeKind::kTimestamp: AppendTimestamp(out, column.Int(row), false); break;
    case TypeKind::kTimestampTz: AppendTimestamp(out, column.Int(row), true); break;
    default: break;
  }
}

// RFC 8259, section 7.
void AppendQuoted(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, begin, i - begin);
    begin = i + 1;
    out += '\\';
    switch (c) {
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      case '"':
      case '\\': out += static_cast<char>(c); break;
      default: (((out += "u00") += kHex[c >> 4]) += kHex[c & 15]);
    }
  }
  out.append(text, begin);
  out += '"';
}

class JsonEncoder final : public RecordEncoder {
 public:
  explicit JsonEncoder(bool nulls) : nulls_(nulls) {}

  Status Open(const Schema& schema, std::stop_token) override {
    columns_ = schema.columns;
    return Status::Ok();
  }

  Status Encode(const Rows& rows, const TakeRecord& take, std::stop_token stop) override {
    RowsView view = TRY(RowsView::Of(rows));
    if (view.columns() != columns_.size()) return Internal("rows of another shape than Open told");
    for (int64_t row = 0; row < view.count(); ++row) {
      if (row % 1024 == 0 && stop.stop_requested()) return Canceled();
      out_ = "{";
      for (size_t i = 0; i < columns_.size(); ++i)
        AppendMember(columns_[i].name, view.column(i), row);
      out_ += '}';
      TRY(take(row, out_));
    }
    return Status::Ok();
  }

 private:
  void AppendMember(const std::string& name, const ColumnView& column, int64_t row) {
    if (!nulls_ && column.IsNull(row)) return;
    if (out_.back() != '{') out_ += ',';
    AppendQuoted(out_, name);
    out_ += ':';
    AppendValue(column, row);
  }

  void AppendValue(const ColumnView& column, int64_t row) {
    if (column.IsNull(row)) {
      out_ += "null";
      return;
    }
    switch (column.type().kind) {
      case TypeKind::kFloat:
      case TypeKind::kDouble: {
        bool single = column.type().kind == TypeKind::kFloat;
        double value = single ? column.Float(row) : column.Double(row);
        if (std::isfinite(value)) {
          AppendScalar(out_, column, row);
        } else {  // JSON has no such numbers
          out_ += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
        }
        break;
      }
      case TypeKind::kVarchar: AppendQuoted(out_, column.Bytes(row)); break;
      case TypeKind::kBlob:
      case TypeKind::kDate:
      case TypeKind::kTimestamp:
      case TypeKind::kTimestampTz:
        out_ += '"';
        AppendScalar(out_, column, row);
        out_ += '"';
        break;
      case TypeKind::kStruct: {
        out_ += '{';
        const std::vector<Column>& fields = column.type().children;
        for (size_t i = 0; i < fields.size(); ++i)
          AppendMember(fields[i].name, column.child(i), row);
        out_ += '}';
        break;
      }
      case TypeKind::kList: {
        auto [begin, end] = column.List(row);
        out_ += '[';
        for (int64_t i = begin; i < end; ++i) {
          if (i > begin) out_ += ',';
          AppendValue(column.child(0), i);
        }
        out_ += ']';
        break;
      }
      case TypeKind::kMap: AppendMap(column, row); break;
      default: AppendScalar(out_, column, row);
    }
  }

  void AppendMap(const ColumnView& column, int64_t row) {
    auto [begin, end] = column.List(row);
    out_ += '{';
    for (int64_t i = begin; i < end; ++i) {
      key_.clear();
      AppendScalar(key_, column.child(0), i);
      AppendMember(key_, column.child(1), i);
    }
    out_ += '}';
  }

  const bool nulls_;
  std::vector<Column> columns_;
  std::string out_, key_;
};

class CsvEncoder final : public RecordEncoder {
 public:
  explicit CsvEncoder(CsvRecords csv) : csv_(std::move(csv)) {}

  Status Open(const Schema& schema, std::stop_token) override {
    for (const Column& column : schema.columns) {
      if (column.type.children.empty()) continue;
      return Invalid("column '" + column.name + "' is nested, CSV has no such columns",
                     "cast it in SQL, for example with to_json(" + column.name + ")");
    }
    return Status::Ok();
  }

  Status Encode(const Rows& rows, const TakeRecord& take, std::stop_token stop) override {
    RowsView view = TRY(RowsView::Of(rows));
    for (int64_t row = 0; row < view.count(); ++row) {
      if (row % 1024 == 0 && stop.stop_requested()) return Canceled();
      out_.clear();
      for (size_t i = 0; i < view.columns(); ++i) {
        if (i > 0) out_ += csv_.delimiter;
        AppendField(view.column(i), row);
      }
      TRY(take(row, out_));
    }
    return Status::Ok();
  }

 private:
  void AppendField(const ColumnView& column, int64_t row) {
    if (column.IsNull(row)) {
      out_ += csv_.null_text;
      return;
    }
    field_.clear();
    AppendScalar(field_, column, row);
    bool plain = field_ != csv_.null_text && field_.find_first_of("\r\n") == field_.npos &&
                 field_.find(csv_.delimiter) == field_.npos &&
                 (csv_.quote.empty() || field_.find(csv_.quote) == field_.npos);
    if (plain || csv_.quote.empty()) {
      out_ += field_;
      return;
    }
    out_ += csv_.quote;
    for (char c : field_) {
      if (c == csv_.quote[0]) out_ += c;
      out_ += c;
    }
    out_ += csv_.quote;
  }

  const CsvRecords csv_;
  std::string out_, field_;
};

// The one column, as it is.
class PlainEncoder final : public RecordEncoder {
 public:
  explicit PlainEncoder(bool text) : text_(text) {}

  Status Open(const Schema& schema, std::stop_token) override {
    std::string format = text_ ? "text" : "bytes";
    if (schema.columns.size() != 1)
      return Invalid("a record of " + format + " is one column, the rows have " +
                         std::to_string(schema.columns.size()),
                     "select one, or write `format: json`");
    const Column& column = schema.columns[0];
    bool fits = text_
                    ? column.type.children.empty()
                    : column.type.kind == TypeKind::kBlob || column.type.kind == TypeKind::kVarchar;
    if (fits) return Status::Ok();
    return Invalid("column '" + column.name + "' is a " + column.type.ToSql() +
                       ", which is not written as " + format,
                   "cast it in SQL, or write `format: json`");
  }

  Status Encode(const Rows& rows, const TakeRecord& take, std::stop_token stop) override {
    RowsView view = TRY(RowsView::Of(rows));
    if (view.columns() != 1) return Internal("rows of another shape than Open told");
    const ColumnView& column = view.column(0);
    bool raw = column.type().kind == TypeKind::kBlob;
    for (int64_t row = 0; row < view.count(); ++row) {
      if (row % 1024 == 0 && stop.stop_requested()) return Canceled();
      out_.clear();
      if (raw && !column.IsNull(row)) out_ = column.Bytes(row);
      if (!raw && !column.IsNull(row)) AppendScalar(out_, column, row);
      if (raw && text_ && !IsUtf8Text(out_))
        return Status(Code::kRejected, "row " + std::to_string(row) + " is not UTF-8",
                      "write `format: bytes`");
      TRY(take(row, out_));
    }
    return Status::Ok();
  }

 private:
  const bool text_;
  std::string out_;
};

}  // namespace

std::unique_ptr<RecordEncoder> MakeJsonEncoder(const RecordWriting& config) {
  return std::make_unique<JsonEncoder>(config.nulls);
}

std::unique_ptr<RecordEncoder> MakeCsvEncoder(const RecordWriting& config) {
  return std::make_unique<CsvEncoder>(config.csv);
}

std::unique_ptr<RecordEncoder> MakePlainEncoder(const RecordWriting& config) {
  return std::make_unique<PlainEncoder>(config.format == RecordFormat::kText);
}

}  // namespace millrace
