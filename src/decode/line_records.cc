// Records of CSV, text and bytes → rows.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "data/column_builder.h"
#include "decode/record_decoders.h"
#include "decode/text_value.h"

namespace millrace {

namespace {

constexpr size_t kMostShown = 100;  // bytes of a value in a message

Status Rejected(std::string what) { return {Code::kRejected, std::move(what)}; }

class PlainDecoder final : public RecordDecoder {
 public:
  explicit PlainDecoder(const RecordReading& config)
      : config_(config),
        is_text_(config.format == RecordFormat::kText),
        rows_({{{"value", {.kind = is_text_ ? TypeKind::kVarchar : TypeKind::kBlob}}}}) {}

  const Schema& schema() const override { return rows_.schema(); }
  int64_t count() const override { return rows_.count(); }
  Result<Rows> Take() override { return rows_.Take(); }

  Status Add(std::string_view record, const std::stop_token&) override {
    TRY(CheckLength(record, config_));
    if (is_text_ && !IsUtf8Text(record)) return Rejected("it is not UTF-8");
    rows_.column(0).AppendBytes(record);
    return rows_.EndRow();
  }
  Status AddNull() override {
    rows_.column(0).AppendNull();
    return rows_.EndRow();
  }

 private:
  const RecordReading config_;
  const bool is_text_;
  BatchBuilder rows_;
};

// RFC 4180.
class CsvDecoder final : public RecordDecoder {
 public:
  explicit CsvDecoder(const RecordReading& config)
      : config_(config),
        delimiter_(config.csv.delimiter[0]),
        quote_(config.csv.quote.empty() ? '\0' : config.csv.quote[0]),
        rows_(config.columns) {}

  const Schema& schema() const override { return rows_.schema(); }
  int64_t count() const override { return rows_.count(); }
  Result<Rows> Take() override { return rows_.Take(); }

  Status Add(std::string_view record, const std::stop_token&) override {
    TRY(CheckLength(record, config_));
    if (!IsUtf8Text(record)) return Rejected("it is not UTF-8");
    Status read = Read(record);
    if (read.ok()) return rows_.EndRow();
    rows_.Rollback();
    return read;
  }
  Status AddNull() override {
    for (size_t i = 0; i < rows_.schema().columns.size(); ++i) rows_.column(i).AppendNull();
    return rows_.EndRow();
  }

 private:
  Status Read(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    size_t wanted = rows_.schema().columns.size(), fields = 0;
    for (bool more = true; more; ++fields) {
      bool quoted = false;
      TRY(TakeField(line, quoted, more));
      if (fields < wanted) TRY(Append(fields, quoted));
    }
    if (fields == wanted) return Status::Ok();
    return Rejected("it has " + std::to_string(fields) + (fields == 1 ? " field" : " fields") +
                    ", not " + std::to_string(wanted));
  }

  // The next field goes to field_; `more`: another one follows.
  Status TakeField(std::string_view& line, bool& quoted, bool& more) {
    if (quote_ == '\0' || !line.starts_with(quote_)) {
      size_t end = std::min(line.find(delimiter_), line.size());
      field_ = line.substr(0, end);
      more = end < line.size();
      line.remove_prefix(more ? end + 1 : end);
      return Status::Ok();
    }
    quoted = true;
    field_.clear();
    line.remove_prefix(1);
    for (;;) {
      size_t end = line.find(quote_);
      if (end == line.npos) return Rejected("a quote is never closed");
      field_ += line.substr(0, end);
      line.remove_prefix(end + 1);
      if (!line.starts_with(quote_)) break;
      field_ += quote_;
      line.remove_prefix(1);
    }
    more = line.starts_with(delimiter_);
    if (!more && !line.empty()) return Rejected("text follows a closing quote");
    if (more) line.remove_prefix(1);
    return Status::Ok();
  }

  Status Append(size_t index, bool quoted) {
    ColumnBuilder& column = rows_.column(index);
    if (!quoted && field_ == config_.csv.null_text) {
      column.AppendNull();
      return Status::Ok();
    }
    if (AppendText(field_, config_.epoch, column)) return Status::Ok();
    return Rejected(rows_.schema().columns[index].name + ": '" + CutText(field_, kMostShown) +
                    "' is no " + column.type().ToSql());
  }

  const RecordReading config_;
  const char delimiter_, quote_;
  BatchBuilder rows_;
  std::string field_;
};

}  // namespace

std::unique_ptr<RecordDecoder> MakePlainDecoder(const RecordReading& config) {
  return std::make_unique<PlainDecoder>(config);
}

std::unique_ptr<RecordDecoder> MakeCsvDecoder(const RecordReading& config) {
  return std::make_unique<CsvDecoder>(config);
}

}  // namespace millrace
