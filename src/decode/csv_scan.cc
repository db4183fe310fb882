#include "decode/csv_scan.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "decode/csv_open.h"

namespace millrace::csv {

namespace {

constexpr size_t kSniffedFiles = 8;  // of each header

// `column` holds engine paths; the expression gives what they are called.
std::string NameCase(const std::string& column, const std::vector<const ReadyFile*>& files) {
  if (files.size() == 1) return SqlLiteral(files[0]->name);
  std::string text = "CASE " + column;
  for (const ReadyFile* file : files)
    text += " WHEN " + SqlLiteral(file->path) + " THEN " + SqlLiteral(file->name);
  return text + " END";
}

std::string LineCase(const std::vector<const ReadyFile*>& files) {
  std::string text;
  for (const ReadyFile* file : files) {
    if (file->lines_before == 0) continue;
    text += " WHEN " + SqlLiteral(file->path) + " THEN " + std::to_string(file->lines_before);
  }
  return text.empty() ? "line" : "line + CASE file_path" + text + " ELSE 0 END";
}

// One read_csv: files with the same dialect and compression.
struct Part {
  const Dialect* dialect = nullptr;
  std::vector<const ReadyFile*> files;
  std::string id;  // of its rejects tables
  std::string Errors() const { return "millrace_errors_" + id; }
  std::string Scans() const { return "millrace_scans_" + id; }
};

std::string ReadCsv(const Part& part, const CsvFormat& format) {
  std::vector<std::string> paths;
  for (const ReadyFile* file : part.files) paths.push_back(SqlLiteral(file->path));
  static const std::map<Compression, std::string> kNames = {
      {Compression::kNone, "none"}, {Compression::kGzip, "gzip"}, {Compression::kZstd, "zstd"}};
  return "read_csv([" + Join(paths, ", ") + "]" + ScanOptions(*part.dialect, format) +
         ", compression='" + kNames.at(part.files[0]->compression) +
         "', filename='millrace_path_', store_rejects=true, rejects_limit=0" + ", rejects_table='" +
         part.Errors() + "', rejects_scan='" + part.Scans() + "')";
}

std::string Relation(const std::vector<Part>& parts, const CsvFormat& format) {
  std::vector<std::string> selects;
  for (const Part& part : parts) {
    selects.push_back("SELECT * EXCLUDE (millrace_path_), " +
                      NameCase("millrace_path_", part.files) + " AS _source_file FROM " +
                      ReadCsv(part, format));
  }
  return Join(selects, " UNION ALL BY NAME ");
}

class CsvFileScan : public Files {
 public:
  CsvFileScan(std::vector<Group> groups, std::vector<ReadyFile> files, std::string stand_in,
              CsvFormat format)
      : groups_(std::move(groups)),
        files_(std::move(files)),
        stand_in_(std::move(stand_in)),
        format_(std::move(format)) {}

  void Build(const std::vector<size_t>& group_of) {
    static std::atomic<int64_t> scans{0};
    std::map<std::pair<size_t, Compression>, Part> parts;
    bool only_empty =
        std::all_of(files_.begin(), files_.end(), [](const ReadyFile& file) { return file.empty; });
    for (size_t i = 0; i < files_.size(); ++i) {
      if (files_[i].empty && !only_empty) continue;
      Part& part = parts[{group_of[i], files_[i].compression}];
      part.dialect = &groups_[group_of[i]].dialect;
      part.files.push_back(&files_[i]);
    }
    for (auto& [key, part] : parts) {
      part.id = std::to_string(++scans);
      parts_.push_back(std::move(part));
    }
    rows_.text = Relation(parts_, format_);
  }

  const Sql& rows() const override { return rows_; }

  Sql RowsOf(size_t file) const override {
    for (const Part& part : parts_) {
      if (std::find(part.files.begin(), part.files.end(), &files_[file]) == part.files.end())
        continue;
      Part alone{.dialect = part.dialect, .files = {&files_[file]}, .id = part.id + "_alone"};
      return {Relation({alone}, format_)};
    }
    return {};
  }

  int64_t LinesBefore(size_t file) const override { return files_[file].lines_before; }

  Result<std::optional<Sql>> Rejects(Session& session, std::stop_token stop) override {
    std::vector<std::string> selects;
    for (const Part& part : parts_) {
      auto made =
          TRY(session.Collect({"SELECT 1 FROM duckdb_tables() WHERE temporary AND table_name = " +
                               SqlLiteral(part.Errors())},
                              stop));
      if (!made.empty()) selects.push_back(EngineErrors(part));
    }
    if (std::string own = OwnErrors(); !own.empty()) selects.push_back(std::move(own));
    if (selects.empty()) return std::optional<Sql>();
    Sql all{
        "SELECT min_by(rule, (rule = 'csv_cast', place)) AS _rule, string_agg(reason, '; ' ORDER "
        "BY place) AS _reason, "
        "name AS _source_file, line AS _line, any_value(raw) AS _raw FROM (" +
        Join(selects, " UNION ALL ") + ") AS told GROUP BY name, line"};
    auto any = TRY(session.Collect({"SELECT 1 FROM (" + all.text + ") LIMIT 1"}, stop));
    if (any.empty()) return std::optional<Sql>();
    return std::optional<Sql>(std::move(all));
  }

 private:
  std::string EngineErrors(const Part& part) const {
    return "SELECT 'csv_' || replace(lower(CAST(error_type AS VARCHAR)), ' ', '_') AS rule, "
           "replace(error_message, 'Error when converting column ', 'column ') AS reason, " +
           NameCase("file_path", part.files) + " AS name, CAST(" + LineCase(part.files) +
           " AS BIGINT) AS line, "
           "ltrim(csv_line, chr(10)) AS raw, CAST(byte_position AS BIGINT) AS place FROM temp." +
           part.Errors() + " JOIN temp." + part.Scans() +
           " USING (scan_id, file_id) WHERE NOT contains(csv_line, " + SqlLiteral(stand_in_) + ")";
  }

  std::string OwnErrors() const {
    std::vector<std::string> rows;
    for (const ReadyFile& file : files_) {
      for (const BrokenLine& line : file.broken) {
        rows.push_back("(" + SqlLiteral(line.rule) + ", " + SqlLiteral(line.reason) + ", " +
                       SqlLiteral(file.name) + ", CAST(" + std::to_string(line.line) +
                       " AS BIGINT), " + Text(line.raw) + ", 0::BIGINT)");
      }
    }
    if (rows.empty()) return "";
    return "SELECT * FROM (VALUES " + Join(rows, ", ") +
           ") AS broken(rule, reason, name, line, raw, place)";
  }

  // Bytes that may be no UTF-8, or hold NULs, which no statement can.
  static std::string Text(const std::string& raw) {
    std::string hex;
    static const char* kDigits = "0123456789ABCDEF";
    bool plain = true;
    for (unsigned char byte : raw) {
      plain = plain && byte >= 0x20 && byte < 0x7f;
      hex += "\\x";
      hex += kDigits[byte >> 4];
      hex += kDigits[byte & 15];
    }
    return plain ? SqlLiteral(raw) : "decode('" + hex + "'::BLOB, 'replace')";
  }

  std::vector<Group> groups_;
  std::vector<ReadyFile> files_;
  std::string stand_in_;
  const CsvFormat format_;
  std::vector<Part> parts_;
  Sql rows_;
};

const Group* FindGroup(const std::vector<Group>& groups, const std::string& sample) {
  for (const Group& group : groups) {
    if (!group.dialect.header || group.header == HeaderLine(sample, group.dialect.skip))
      return &group;
  }
  return nullptr;
}

Result<Dialect> FromConfig(const CsvFormat& format) {
  Dialect dialect;
  dialect.delimiter = format.delimiter.value_or(",");
  dialect.quote = format.quote.value_or("\"");
  dialect.escape = format.escape.value_or(dialect.quote);
  dialect.header = false;
  for (const std::string& name : format.names) {
    auto type = format.columns.find(name);
    dialect.columns.emplace_back(name, type != format.columns.end() ? type->second : "VARCHAR");
  }
  return dialect;
}

Result<Group> MakeGroup(Session& session, const std::vector<std::string>& samples,
                        const InputFile& file, const CsvFormat& format, std::stop_token stop) {
  Dialect dialect = TRY(Sniff(session, samples, file.name, format, stop));
  std::string header = dialect.header ? HeaderLine(samples[0], dialect.skip) : "";
  return Group{std::move(header), std::move(dialect)};
}

}  // namespace

Json ToJson(const std::vector<Group>& groups) {
  Json json = Json::array();
  for (const Group& group : groups)
    json.push_back({{"header", group.header}, {"dialect", ToJson(group.dialect)}});
  return json;
}

Result<std::vector<Group>> GroupsFromJson(const Json& json) {
  std::vector<Group> groups;
  for (const Json& each : json) {
    if (!each.is_object() || !each.contains("dialect") || !each.contains("header") ||
        !each["header"].is_string()) {
      return Invalid("not a list of CSV dialects");
    }
    groups.push_back({each["header"].get<std::string>(), TRY(DialectFromJson(each["dialect"]))});
  }
  return groups;
}

Result<std::vector<Group>> FindGroups(Session& session, const std::vector<InputFile>& files,
                                      const FormatConfig& format, std::stop_token stop) {
  // By the first line, which is the header where there is one: more samples for better types.
  std::vector<std::pair<std::string, std::vector<std::string>>> samples;
  std::vector<const InputFile*> first;
  for (const InputFile& file : files) {
    std::string sample = TRY(ReadSample(file, format));
    if (sample.empty()) continue;
    std::string header =
        format.csv.header.value_or(true) ? HeaderLine(sample, format.csv.skip) : "";
    auto known = std::find_if(samples.begin(), samples.end(),
                              [&](const auto& each) { return each.first == header; });
    if (known == samples.end()) {
      samples.push_back({header, {std::move(sample)}});
      first.push_back(&file);
    } else if (known->second.size() < kSniffedFiles) {
      known->second.push_back(std::move(sample));
    }
  }
  std::vector<Group> groups;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (FindGroup(groups, samples[i].second[0]) != nullptr)
      continue;  // no header: one group takes all
    groups.push_back(TRY(MakeGroup(session, samples[i].second, *first[i], format.csv, stop)));
  }
  if (groups.empty() && !format.csv.names.empty())
    groups.push_back({"", TRY(FromConfig(format.csv))});
  if (groups.empty()) {
    std::string what = files.size() == 1 ? files[0].name + " is empty" : "all files are empty";
    return Invalid(what + ": its columns are not known", "leave it out, or set csv.names");
  }
  return groups;
}

Result<std::unique_ptr<Files>> Scan(Session& session, const std::vector<InputFile>& files,
                                    const FormatConfig& format, std::vector<Group> groups,
                                    const std::string& scratch, std::stop_token stop) {
  size_t widest = 0;
  std::vector<size_t> group_of;
  for (const InputFile& file : files) {
    std::string sample = TRY(ReadSample(file, format));
    const Group* group = sample.empty() && !groups.empty() ? &groups[0] : FindGroup(groups, sample);
    if (group == nullptr) {
      groups.push_back(TRY(MakeGroup(session, {sample}, file, format.csv, stop)));
      group = &groups.back();
    }
    group_of.push_back(static_cast<size_t>(group - groups.data()));
    widest = std::max(widest, group->dialect.columns.size());
  }
  std::string mark = "millrace-broken-line-" + NewUuid();
  std::vector<ReadyFile> ready;
  for (size_t i = 0; i < files.size(); ++i) {
    const Dialect& dialect = groups[group_of[i]].dialect;
    std::string stand_in = mark;
    for (size_t n = 0; n <= widest; ++n)
      stand_in += dialect.delimiter;  // too many columns for any of the files
    if (dialect.columns.size() == 1) stand_in += '\xff';  // of one column it forgives that
    ready.push_back(TRY(Open(files[i], format, dialect, stand_in, scratch, stop)));
  }
  auto scan = std::make_unique<CsvFileScan>(std::move(groups), std::move(ready), std::move(mark),
                                            format.csv);
  scan->Build(group_of);
  return std::unique_ptr<Files>(std::move(scan));
}

Sql DescribeOnly(const std::vector<Group>& groups) {
  std::vector<std::string> selects;
  for (const Group& group : groups) {
    std::vector<std::string> columns;
    for (const auto& [name, type] : group.dialect.columns) {
      columns.push_back("CAST(NULL AS " + type + ") AS " + SqlName(name));
    }
    selects.push_back("SELECT " + Join(columns, ", "));
  }
  return {Join(selects, " UNION ALL BY NAME ")};
}

}  // namespace millrace::csv
