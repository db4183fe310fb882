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

std::string InText(const Type& type, size_t child) {
  std::string of_text =
      type.kind == TypeKind::kMap    ? "MAP(VARCHAR, VARCHAR)"
      : type.kind == TypeKind::kList ? "VARCHAR[]"
                                     : "STRUCT(" + SqlName(type.children[child].name) + " VARCHAR)";
  return "TRY_CAST(TRY_CAST({} AS JSON) AS " + of_text + ")";
}

std::string Put(std::string pattern, const std::string& value) {
  return pattern.replace(pattern.find("{}"), 2, value);
}

// True where casting the JSON value `text` to `type` gave `value` without losing anything on the
// way: a cast gives null for what does not fit, however deep it lies.
std::string Fits(const std::string& text, const std::string& value, const Type& type, int depth) {
  if (type.kind == TypeKind::kVarchar) return "true";
  std::vector<std::string> all = {value + " IS NOT NULL"};
  bool nested = type.kind == TypeKind::kStruct || type.kind == TypeKind::kMap ||
                type.kind == TypeKind::kList;
  if (nested) {
    std::string shape = type.kind == TypeKind::kList ? "'ARRAY'" : "'OBJECT'";
    all.push_back("coalesce(json_type(TRY_CAST(" + text + " AS JSON)) = " + shape + ", false)");
  }
  if (type.kind == TypeKind::kStruct) {
    for (size_t i = 0; i < type.children.size(); ++i) {
      std::string name = "." + SqlName(type.children[i].name);
      all.push_back(Fits("(" + Put(InText(type, i), text) + ")" + name, "(" + value + ")" + name,
                         type.children[i].type, depth + 1));
    }
  } else if (nested) {
    bool map = type.kind == TypeKind::kMap;
    std::string item = "item" + std::to_string(depth);
    std::string inner =
        Fits(item + "[1]", item + "[2]", type.children.back().type, depth + 1);
    std::string texts = Put(InText(type, 0), text);
    std::string both = map ? "map_values(" + texts + "), map_values(" + value + ")"
                           : texts + ", " + value;
    if (inner != "true") {
      all.push_back("coalesce(list_bool_and(list_transform(list_zip(" + both + "), lambda " + item +
                    ": " + inner + ")), true)");
    }
  }
  std::erase(all, "true");
  return "(" + text + " IS NULL OR (" + Join(all, " AND ") + "))";
}

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
        // A type that the lake has not is one without others inside.
        Result<Type> parsed = ParseType(type);
        std::string fit = Fits("millrace_t_." + quoted, "millrace_r_." + quoted,
                               parsed.ok() ? *parsed : Type{.kind = TypeKind::kBoolean}, 0);
        fits.push_back(fit);
        misfits_.push_back("CASE WHEN NOT " + fit + " THEN " +
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
    std::optional<Sql> broken = TRY(lines_->Rejects(session, stop));
    std::vector<std::string> selects;
    // Every file alone: only so its lines have numbers.
    for (size_t i = 0; i < files_; ++i) {
      Sql rows = lines_->RowsOf(i);
      if (!rows.text.empty()) selects.push_back(BadLines(rows, lines_->LinesBefore(i), broken));
    }
    Sql bad{Join(selects, " UNION ALL ")};
    if (TRY(session.Collect({"SELECT 1 FROM (" + bad.text + ") LIMIT 1"}, stop)).empty())
      bad.text.clear();
    if (bad.text.empty()) return broken;
    if (broken) bad.text += " UNION ALL SELECT * FROM (" + broken->text + ")";
    return std::optional<Sql>(std::move(bad));
  }

 private:
  // Rows are numbered without the lines that were rejected as such: their number is added again.
  static std::string LineNumber(int64_t before, const std::optional<Sql>& broken) {
    std::string line = std::to_string(before) + " + millrace_n_";
    if (!broken) return line;
    return line + " + (SELECT count(*) FROM (SELECT b._line - " + std::to_string(before) +
           " - row_number() OVER (ORDER BY b._line) AS whole FROM (" + broken->text +
           ") AS b WHERE b._source_file = lines._source_file AND b._line > " +
           std::to_string(before) + ") WHERE whole < millrace_n_)";
  }

  std::string BadLines(const Sql& rows, int64_t before, const std::optional<Sql>& broken) const {
    std::string reason = misfits_.empty()
                             ? "'the line is no JSON object'"
                             : "CASE WHEN millrace_ok_ THEN concat_ws('; ', " +
                                   Join(misfits_, ", ") + ") ELSE 'the line is no JSON object' END";
    return "SELECT CASE WHEN millrace_ok_ THEN 'json_type' ELSE 'json_syntax' END AS _rule, " +
           reason +
           " AS _reason, _source_file, " + LineNumber(before, broken) +
           " AS _line, left(line, 1000) AS _raw FROM (SELECT "
           "_source_file, line, "
           "millrace_n_, " +
           parsed_ + " FROM (SELECT *, row_number() OVER () AS millrace_n_ FROM (" + rows.text +
           ")) WHERE trim(line) <> '') AS lines WHERE (" + good_ + ") IS NOT TRUE";
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
