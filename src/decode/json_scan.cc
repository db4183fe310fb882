#include "decode/json_scan.h"

#include <atomic>
#include <utility>

#include "base/text.h"
#include "decode/csv_open.h"
#include "decode/csv_scan.h"
#include "decode/memory_file.h"

namespace millrace {

namespace {

constexpr size_t kSniffedFiles = 8;

class PlainScan : public FileScan {
 public:
  explicit PlainScan(Sql rows) : rows_(std::move(rows)) {}
  const Sql& rows() const override { return rows_; }
  Result<std::optional<Sql>> Rejects(Session&, std::stop_token) override {
    return std::optional<Sql>();
  }

 private:
  Sql rows_;
};

std::string PathList(const std::vector<InputFile>& files, size_t limit = SIZE_MAX) {
  std::vector<std::string> paths;
  for (const InputFile& file : files) {
    if (paths.size() < limit) paths.push_back(SqlLiteral(file.path));
  }
  return "[" + Join(paths, ", ") + "]";
}

std::string SourceColumn(const std::vector<InputFile>& files) {
  if (files.size() == 1) return SqlLiteral(files[0].name);
  std::string text = "CASE millrace_path_";
  for (const InputFile& file : files)
    text += " WHEN " + SqlLiteral(file.path) + " THEN " + SqlLiteral(file.name);
  return text + " END";
}

Status RefuseSkip(const std::vector<InputFile>& files, std::string_view format) {
  for (const InputFile& file : files) {
    if (file.skip > 0)
      return Invalid(file.name + ": a " + std::string(format) +
                     " file cannot be read from its middle");
  }
  return Status::Ok();
}

// One row a line, column `line`; the lines of text files, and of NDJSON before they are taken
// apart.
csv::Group LineGroup() {
  csv::Dialect dialect{.delimiter = "\x1f",
                       .quote = "",
                       .escape = "",
                       .header = false,
                       .columns = {{"line", "VARCHAR"}}};
  return {"", std::move(dialect)};
}

Result<std::unique_ptr<csv::Files>> ScanLines(Session& session, const std::vector<InputFile>& files,
                                              FormatConfig format, int64_t max_line,
                                              const std::string& scratch, std::stop_token stop) {
  std::string encoding = format.csv.encoding;
  format.csv = CsvFormat{.encoding = std::move(encoding), .max_line = Bytes{max_line}};
  return csv::Scan(session, files, format, {LineGroup()}, scratch, stop);
}

class TextScan : public FileScan {
 public:
  explicit TextScan(std::unique_ptr<FileScan> lines) : lines_(std::move(lines)) {
    rows_.text =
        "SELECT coalesce(line, '') AS line, _source_file FROM (" + lines_->rows().text + ")";
  }
  const Sql& rows() const override { return rows_; }
  Result<std::optional<Sql>> Rejects(Session& session, std::stop_token stop) override {
    return lines_->Rejects(session, stop);
  }

 private:
  std::unique_ptr<FileScan> lines_;
  Sql rows_;
};

// Lines that are no JSON, or hold a value that is not of its column's type, are rejects; a cast
// would make it NULL.
class NdjsonScan : public FileScan {
 public:
  NdjsonScan(std::unique_ptr<csv::Files> lines, size_t files, const NamedTypes& columns)
      : lines_(std::move(lines)), files_(files) {
    std::vector<std::string> typed, texts, fits, items;
    for (const auto& [name, type] : columns) {
      std::string quoted = SqlName(name);
      typed.push_back(quoted + " " + type);
      texts.push_back(quoted + " VARCHAR");
      items.push_back("millrace_r_." + quoted + " AS " + quoted);
      if (type != "VARCHAR") {
        fits.push_back("(millrace_t_." + quoted + " IS NULL OR millrace_r_." + quoted +
                       " IS NOT NULL)");
        misfits_.push_back("CASE WHEN millrace_t_." + quoted + " IS NOT NULL AND millrace_r_." +
                           quoted + " IS NULL THEN " +
                           SqlLiteral("column " + quoted + " is not " + type + ": ") +
                           " || left(millrace_t_." + quoted + ", 100) END");
      }
    }
    std::string json = "TRY_CAST(line AS JSON)";
    parsed_ = "json_type(" + json + ") = 'OBJECT' AS millrace_ok_, TRY_CAST(" + json +
              " AS STRUCT(" + Join(typed, ", ") + ")) AS millrace_r_, TRY_CAST(" + json +
              " AS STRUCT(" + Join(texts, ", ") + ")) AS millrace_t_";
    good_ = "millrace_ok_" + (fits.empty() ? "" : " AND " + Join(fits, " AND "));
    rows_.text = "SELECT " + Join(items, ", ") + ", _source_file FROM (SELECT _source_file, " +
                 parsed_ + " FROM (" + lines_->rows().text + ") WHERE trim(line) <> '') WHERE " +
                 good_;
  }

  const Sql& rows() const override { return rows_; }

  Result<std::optional<Sql>> Rejects(Session& session, std::stop_token stop) override {
    std::vector<std::string> selects;
    // Every file alone: only so its lines have numbers.
    for (size_t i = 0; i < files_; ++i) {
      Sql rows = lines_->RowsOf(i);
      if (!rows.text.empty()) selects.push_back(BadLines(rows));
    }
    Sql bad{Join(selects, " UNION ALL ")};
    if (TRY(session.Collect({"SELECT 1 FROM (" + bad.text + ") LIMIT 1"}, stop)).empty())
      bad.text.clear();
    std::optional<Sql> broken = TRY(lines_->Rejects(session, stop));
    if (bad.text.empty()) return broken;
    if (broken) bad.text += " UNION ALL SELECT * FROM (" + broken->text + ")";
    return std::optional<Sql>(std::move(bad));
  }

 private:
  std::string BadLines(const Sql& rows) const {
    std::string reason = misfits_.empty()
                             ? "'the line is no JSON object'"
                             : "CASE WHEN millrace_ok_ THEN concat_ws('; ', " +
                                   Join(misfits_, ", ") + ") ELSE 'the line is no JSON object' END";
    return "SELECT CASE WHEN millrace_ok_ THEN 'json_type' ELSE 'json_syntax' END AS _rule, " +
           reason +
           " AS _reason, _source_file, millrace_n_ AS _line, left(line, 1000) AS _raw FROM (SELECT "
           "_source_file, line, "
           "millrace_n_, " +
           parsed_ + " FROM (SELECT *, row_number() OVER () AS millrace_n_ FROM (" + rows.text +
           ")) WHERE trim(line) <> '') WHERE (" + good_ + ") IS NOT TRUE";
  }

  std::unique_ptr<csv::Files> lines_;
  size_t files_;
  std::vector<std::string> misfits_;
  std::string parsed_, good_;
  Sql rows_;
};

std::string ReadJson(const std::string& paths, const FormatConfig& format,
                     const NamedTypes& columns) {
  std::string compression = format.compression == Compression::kGzip   ? "gzip"
                            : format.compression == Compression::kZstd ? "zstd"
                            : format.compression == Compression::kNone ? "uncompressed"
                                                                       : "auto_detect";
  std::string text =
      "read_json(" + paths + ", compression='" + compression + "', filename='millrace_path_'" +
      ", union_by_name=true, maximum_object_size=" + std::to_string(format.json.max_record.count);
  if (!columns.empty() && format.json.records.empty()) {
    std::vector<std::string> items;
    for (const auto& [name, type] : columns)
      items.push_back(SqlLiteral(name) + ": " + SqlLiteral(type));
    text += ", auto_detect=false, format='auto', columns={" + Join(items, ", ") + "}";
  }
  return text + ")";
}

// `records`: the rows are the elements of a list somewhere in the document.
std::string JsonRows(const std::string& read, const std::string& records,
                     const std::string& source) {
  if (records.empty())
    return "SELECT * EXCLUDE (millrace_path_), " + source + " AS _source_file FROM " + read;
  std::vector<std::string> path;
  for (const std::string& part : Split(records, '.')) path.push_back(SqlName(part));
  return "SELECT millrace_r_.*, " + source +
         " AS _source_file FROM (SELECT millrace_path_, unnest(" + Join(path, ".") +
         ") AS millrace_r_ FROM " + read + ")";
}

Result<NamedTypes> Columns(Session& session, const std::string& select, const InputFile& file) {
  Description description = TRY(session.Describe({select}));
  if (!description.ok()) return Invalid(description.errors[0].message).In(file.name);
  NamedTypes columns;
  for (const Column& column : description.schema.columns) {
    if (column.name != "_source_file") columns.emplace_back(column.name, column.type.ToSql());
  }
  return columns;
}

}  // namespace

Result<NamedTypes> SniffJson(Session& session, const std::vector<InputFile>& files,
                             const FormatConfig& format, bool lines, std::stop_token) {
  if (!format.json.columns.empty())
    return NamedTypes(format.json.columns.begin(), format.json.columns.end());
  if (!lines) {
    std::string read = ReadJson(PathList(files, kSniffedFiles), format, {});
    return Columns(session, JsonRows(read, format.json.records, "''"), files[0]);
  }
  // Only lines that look like objects: one that does not would make the sniffer give up on columns.
  std::string objects;
  for (size_t i = 0; i < files.size() && i < kSniffedFiles; ++i) {
    for (const std::string& line : Split(TRY(csv::ReadSample(files[i], format)), '\n')) {
      std::string_view text = Trim(line);
      if (text.starts_with('{') && text.ends_with('}')) objects.append(text) += '\n';
    }
  }
  if (objects.empty()) return Invalid(files[0].name + " holds no JSON objects", "set json.columns");
  std::unique_ptr<MemoryFile> sample = TRY(MemoryFile::Make(objects));
  return Columns(session,
                 "SELECT * FROM read_json(" + SqlLiteral(sample->path()) +
                     ", format='newline_delimited', ignore_errors=true, sample_size=-1)",
                 files[0]);
}

Result<std::unique_ptr<FileScan>> ScanJson(Session& session, const std::vector<InputFile>& files,
                                           const FormatConfig& format, const NamedTypes& columns,
                                           bool lines, const std::string& scratch,
                                           std::stop_token stop) {
  if (!lines) {
    TRY(RefuseSkip(files, "JSON"));
    for (const InputFile& file : files) TRY(DecodedLength(file.path, format.compression));
    std::string read = ReadJson(PathList(files), format, columns);
    return std::unique_ptr<FileScan>(
        new PlainScan({JsonRows(read, format.json.records, SourceColumn(files))}));
  }
  int64_t max = format.json.max_record.count;
  std::unique_ptr<csv::Files> all = TRY(ScanLines(session, files, format, max, scratch, stop));
  return std::unique_ptr<FileScan>(new NdjsonScan(std::move(all), files.size(), columns));
}

Result<std::unique_ptr<FileScan>> ScanParquet(Session&, const std::vector<InputFile>& files) {
  TRY(RefuseSkip(files, "Parquet"));
  std::string read =
      "read_parquet(" + PathList(files) + ", union_by_name=true, filename='millrace_path_')";
  return std::unique_ptr<FileScan>(
      new PlainScan({"SELECT * EXCLUDE (millrace_path_), " + SourceColumn(files) +
                     " AS _source_file FROM " + read}));
}

Result<std::unique_ptr<FileScan>> ScanText(Session& session, const std::vector<InputFile>& files,
                                           const FormatConfig& format, const std::string& scratch,
                                           std::stop_token stop) {
  std::unique_ptr<csv::Files> lines =
      TRY(ScanLines(session, files, format, format.csv.max_line.count, scratch, stop));
  return std::unique_ptr<FileScan>(new TextScan(std::move(lines)));
}

}  // namespace millrace
