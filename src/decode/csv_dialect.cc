#include "decode/csv_dialect.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "decode/memory_file.h"

namespace millrace::csv {

namespace {

constexpr size_t kLinesBytes = 64'000;

std::string List(const std::vector<std::string>& texts) {
  std::vector<std::string> literals;
  for (const std::string& text : texts) literals.push_back(SqlLiteral(text));
  return "[" + Join(literals, ", ") + "]";
}

// What the user fixed; the sniffer finds the rest.
std::string Given(const CsvFormat& format) {
  std::string options = ", nullstr=" + List(format.null) +
                        ", decimal_separator=" + SqlLiteral(format.decimal) +
                        ", max_line_size=" + std::to_string(format.max_line.count);
  auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value) options += std::string(", ") + name + "=" + SqlLiteral(*value);
  };
  add("delim", format.delimiter);
  add("quote", format.quote);
  add("escape", format.escape);
  add("comment", format.comment);
  if (format.header) options += *format.header ? ", header=true" : ", header=false";
  if (format.skip > 0) options += ", skip=" + std::to_string(format.skip);
  if (format.all_text) options += ", all_varchar=true";
  if (!format.date_format.empty()) add("dateformat", format.date_format);
  if (!format.timestamp_format.empty()) add("timestampformat", format.timestamp_format);
  if (!format.names.empty()) options += ", names=" + List(format.names);
  return options;
}

std::string NotEmpty(const std::optional<std::string>& text) {
  return text && *text != "(empty)" ? *text : "";
}

using Found = std::vector<std::vector<std::optional<std::string>>>;  // a row for each column

Result<Found> RunSniffer(Session& session, const std::string& sample, std::string_view name,
                         const CsvFormat& format, std::stop_token stop) {
  std::unique_ptr<MemoryFile> file = TRY(MemoryFile::Make(sample));
  std::string from =
      "SELECT delimiter, quote, escape, comment, hasheader, skiprows, dateformat, timestampformat, "
      "c.name, c.\"type\" FROM (SELECT *, unnest(columns) AS c FROM sniff_csv(" +
      SqlLiteral(file->path()) + ", sample_size=-1" + Given(format);
  Result<Found> found = session.Collect({from + "))"}, stop);
  // Where broken lines spoil every dialect but one, it is that of a single column: look again, past
  // them.
  bool doubtful = found.ok() && found->size() == 1 && !format.delimiter &&
                  sample.substr(0, sample.find('\n')).find_first_of(",;|\t") != std::string::npos;
  if (found.code() == Code::kInvalid || doubtful) {
    Result<Found> lenient =
        session.Collect({from + ", strict_mode=false, ignore_errors=true))"}, stop);
    if (lenient.ok() || !doubtful) found = std::move(lenient);
  }
  if (found.code() == Code::kInvalid) {
    return Invalid(std::string(name) + ": no CSV dialect fits its first lines",
                   "set csv.delimiter, csv.quote and csv.header, or another format");
  }
  if (found.ok() && found->empty()) return Invalid(std::string(name) + " has no columns");
  return found;
}

// How many fields each line has, by this delimiter, when nothing is quoted but by '"'. 0: they
// differ, or a quote is not where one belongs.
size_t FieldsOf(std::string_view lines, char delimiter) {
  size_t fields = 1, fields_before = 0;
  bool quoted = false;
  char before = '\n';
  for (char c : lines) {
    if (c == '"') {
      bool opens = !quoted && (before == delimiter || before == '\n');
      bool doubles = !quoted && before == '"';
      if (!quoted && !opens && !doubles) return 0;
      quoted = !quoted;
    } else if (!quoted && c == delimiter) {
      ++fields;
    } else if (!quoted && c == '\n') {
      if (fields_before != 0 && fields != fields_before) return 0;
      fields_before = std::exchange(fields, 1);
    }
    before = c;
  }
  return quoted ? 0 : fields_before;
}

// Most files leave no doubt: one delimiter that fits, and no character of another dialect. The
// sniffer, which tries each delimiter with each quote and each escape, need not be asked.
void TakeObvious(std::string_view lines, CsvFormat& format) {
  bool given = format.delimiter || format.quote || format.escape || format.comment ||
               format.skip > 0 || format.header == false;
  if (given || lines.find_first_of("'\\#\r") != lines.npos) return;
  std::optional<char> fits;
  for (char delimiter : {',', ';', '|', '\t'}) {
    if (lines.find(delimiter) == lines.npos) continue;
    if (FieldsOf(lines, delimiter) < 2 || fits) return;
    fits = delimiter;
  }
  if (!fits) return;
  format.delimiter = std::string(1, *fits);
  format.quote = format.escape = "\"";
}

// Dialects are told by a few lines; the whole sample is for the types.
Result<Found> SniffSample(Session& session, const std::string& sample, std::string_view name,
                          const CsvFormat& given, std::stop_token stop) {
  size_t end = sample.rfind('\n', kLinesBytes);
  std::string_view lines = sample;
  if (sample.size() > kLinesBytes && end != sample.npos) lines = lines.substr(0, end + 1);
  CsvFormat format = given;
  TakeObvious(lines, format);
  if (!format.delimiter) {
    if (lines.size() == sample.size()) return RunSniffer(session, sample, name, given, stop);
    Found found = TRY(RunSniffer(session, std::string(lines), name, given, stop));
    if (found.size() == 1) return RunSniffer(session, sample, name, given, stop);
    const auto& first = found.front();
    format.delimiter = NotEmpty(first[0]);
    if (!format.quote) format.quote = NotEmpty(first[1]);
    if (!format.escape) format.escape = NotEmpty(first[2]);
    if (!format.comment && !NotEmpty(first[3]).empty()) format.comment = NotEmpty(first[3]);
  }
  Result<Found> found = RunSniffer(session, sample, name, format, stop);
  // What comes later may need a quote that the first lines did not show.
  if (found.code() == Code::kInvalid) return RunSniffer(session, sample, name, given, stop);
  return found;
}

Result<Dialect> SniffOne(Session& session, const std::string& sample, std::string_view name,
                         const CsvFormat& format, std::stop_token stop) {
  Found found = TRY(SniffSample(session, sample, name, format, stop));
  Dialect dialect;
  const auto& first = found.front();
  dialect.delimiter = NotEmpty(first[0]).empty() ? "," : NotEmpty(first[0]);
  if (format.delimiter) dialect.delimiter = *format.delimiter;
  // No quote in the sample does not mean that there is none behind it.
  std::string quote = NotEmpty(first[1]);
  dialect.quote = format.quote.value_or(quote.empty() ? "\"" : quote);
  std::string escape = NotEmpty(first[2]);
  dialect.escape = format.escape.value_or(escape.empty() ? dialect.quote : escape);
  dialect.comment = format.comment.value_or(NotEmpty(first[3]));
  dialect.header = first[4] == "true";
  dialect.skip = first[5] ? std::strtoll(first[5]->c_str(), nullptr, 10) : 0;
  dialect.date_format = format.date_format.empty() ? NotEmpty(first[6]) : format.date_format;
  dialect.timestamp_format =
      format.timestamp_format.empty() ? NotEmpty(first[7]) : format.timestamp_format;
  for (const auto& row : found)
    dialect.columns.emplace_back(row[8].value_or(""), row[9].value_or("VARCHAR"));
  return dialect;
}

bool HasRows(const std::string& sample, const Dialect& dialect) {
  auto lines = std::count(sample.begin(), sample.end(), '\n');
  return lines > dialect.skip + (dialect.header ? 1 : 0);
}

// The narrowest type that takes both; text takes all.
std::string Wider(const std::string& a, const std::string& b) {
  static const std::map<std::pair<std::string, std::string>, std::string> kWider = {
      {{"BIGINT", "DOUBLE"}, "DOUBLE"},
      {{"DATE", "TIMESTAMP"}, "TIMESTAMP"},
      {{"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}, "TIMESTAMP WITH TIME ZONE"}};
  if (a == b) return a;
  auto found = kWider.find(std::minmax(a, b));
  return found != kWider.end() ? found->second : "VARCHAR";
}

Status ApplyTypes(const CsvFormat& format, Dialect& dialect) {
  std::vector<std::string> names;
  for (const auto& [name, type] : dialect.columns) names.push_back(name);
  for (const auto& [wanted, type] : format.columns) {
    auto column = std::find_if(
        dialect.columns.begin(), dialect.columns.end(),
        [&, &name = wanted](const auto& each) { return ToLower(each.first) == ToLower(name); });
    if (column == dialect.columns.end()) {
      std::string closest = Closest(wanted, names);
      return Invalid("csv.columns names '" + wanted + "', which is not a column of the file",
                     closest.empty() ? "the columns are " + Join(names, ", ")
                                     : "did you mean '" + closest + "'?");
    }
    column->second = type;
  }
  return Status::Ok();
}

}  // namespace

Json ToJson(const Dialect& dialect) {
  Json json = {{"delimiter", dialect.delimiter}, {"quote", dialect.quote},
               {"escape", dialect.escape},       {"comment", dialect.comment},
               {"header", dialect.header},       {"skip", dialect.skip},
               {"date", dialect.date_format},    {"timestamp", dialect.timestamp_format}};
  Json columns = Json::array();
  for (const auto& [name, type] : dialect.columns) columns.push_back({name, type});
  json["columns"] = std::move(columns);
  return json;
}

Result<Dialect> DialectFromJson(const Json& json) {
  try {
    Dialect dialect;
    dialect.delimiter = json.at("delimiter").get<std::string>();
    dialect.quote = json.at("quote").get<std::string>();
    dialect.escape = json.at("escape").get<std::string>();
    dialect.comment = json.at("comment").get<std::string>();
    dialect.header = json.at("header").get<bool>();
    dialect.skip = json.at("skip").get<int64_t>();
    dialect.date_format = json.at("date").get<std::string>();
    dialect.timestamp_format = json.at("timestamp").get<std::string>();
    for (const Json& column : json.at("columns")) {
      dialect.columns.emplace_back(column.at(0).get<std::string>(),
                                   column.at(1).get<std::string>());
    }
    return dialect;
  } catch (const Json::exception& error) {
    return Invalid(std::string("not a CSV dialect: ") + error.what());
  }
}

Result<Dialect> Sniff(Session& session, const std::vector<std::string>& samples,
                      std::string_view name, const CsvFormat& format, std::stop_token stop) {
  std::optional<Dialect> all;
  bool all_has_rows = false;
  for (const std::string& sample : samples) {
    Dialect one = TRY(SniffOne(session, sample, name, format, stop));
    bool has_rows = HasRows(sample, one);
    if (!all || (has_rows && !all_has_rows)) {
      all = std::move(one);
      all_has_rows = has_rows;
      continue;
    }
    if (!has_rows || one.columns.size() != all->columns.size()) continue;
    for (size_t i = 0; i < one.columns.size(); ++i) {
      all->columns[i].second = Wider(all->columns[i].second, one.columns[i].second);
    }
  }
  if (!all) return Invalid(std::string(name) + " is empty", "leave it out, or give csv.names");
  TRY(ApplyTypes(format, *all));
  return *std::move(all);
}

std::string ScanOptions(const Dialect& dialect, const CsvFormat& format) {
  std::vector<std::string> columns;
  for (const auto& [name, type] : dialect.columns)
    columns.push_back(SqlLiteral(name) + ": " + SqlLiteral(type));
  std::string options =
      ", auto_detect=false, delim=" + SqlLiteral(dialect.delimiter) +
      ", quote=" + SqlLiteral(dialect.quote) + ", escape=" + SqlLiteral(dialect.escape) +
      ", header=" + (dialect.header ? "true" : "false") + ", nullstr=" + List(format.null) +
      ", decimal_separator=" + SqlLiteral(format.decimal) +
      ", max_line_size=" + std::to_string(format.max_line.count) +
      // DuckDB's own choice is sixteen lines, several times over: 256 MB and more for long ones.
      ", buffer_size=" + std::to_string(std::max<int64_t>(8 << 20, 2 * format.max_line.count)) +
      ", columns={" + Join(columns, ", ") + "}";
  if (dialect.skip > 0) options += ", skip=" + std::to_string(dialect.skip);
  if (!dialect.comment.empty()) options += ", comment=" + SqlLiteral(dialect.comment);
  if (!dialect.date_format.empty()) options += ", dateformat=" + SqlLiteral(dialect.date_format);
  if (!dialect.timestamp_format.empty())
    options += ", timestampformat=" + SqlLiteral(dialect.timestamp_format);
  return options;
}

}  // namespace millrace::csv
