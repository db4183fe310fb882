#include "decode/format.h"

#include "base/text.h"

namespace millrace {

namespace {

bool IsOneCharacter(const std::optional<std::string>& text) { return !text || text->size() <= 1; }

Spec<CsvFormat> MakeCsvSpec() {
  Spec<CsvFormat> spec("csv", "How CSV files are written.");
  spec.Field("delimiter", &CsvFormat::delimiter, "Between fields: one to four characters.",
             {.example = "\";\""})
      .Field("quote", &CsvFormat::quote, "Around fields; \"\" for none.")
      .Field("escape", &CsvFormat::escape,
             "Before a quote inside a quoted field; mostly the quote itself.")
      .Field("comment", &CsvFormat::comment, "Lines that begin with it are skipped.",
             {.example = "\"#\""})
      .Field("header", &CsvFormat::header, "Whether the first line names the columns.")
      .Field("encoding", &CsvFormat::encoding,
             "How characters are written: any name that iconv knows, such as latin-1, cp1252 or "
             "utf-16.")
      .Field("null_text", &CsvFormat::null, "Texts that mean NULL.", {.example = "[\"\", NA]"})
      .Field("skip", &CsvFormat::skip, "Lines before the header.", {.min = 0})
      .Field("all_text", &CsvFormat::all_text,
             "Every column is text; nothing is guessed, nothing is refused.")
      .Field("names", &CsvFormat::names, "The columns of a file without a header, in order.",
             {.example = "[id, price]"})
      .Field("columns", &CsvFormat::columns, "Types of columns; the ones not named are found.",
             {.example = "{id: BIGINT, price: \"DECIMAL(10,2)\"}"})
      .Field("decimal", &CsvFormat::decimal, "The decimal point.", {.choices = {".", ","}})
      .Field("date_format", &CsvFormat::date_format, "As strptime has it.",
             {.example = "\"%d.%m.%Y\""})
      .Field("timestamp_format", &CsvFormat::timestamp_format, "As strptime has it.",
             {.example = "\"%d.%m.%Y %H:%M\""})
      .Field("max_line", &CsvFormat::max_line, "Longer lines are rejected.")
      .Require(
          [](const CsvFormat& csv) {
            return IsOneCharacter(csv.quote) && IsOneCharacter(csv.escape);
          },
          "'quote' and 'escape' are one character each")
      .Require(
          [](const CsvFormat& csv) {
            return !csv.delimiter || (!csv.delimiter->empty() && csv.delimiter->size() <= 4);
          },
          "'delimiter' is one to four characters")
      .Require(
          [](const CsvFormat& csv) {
            return csv.max_line.count >= 1000 && csv.max_line.count <= (8 << 20);
          },
          "'max_line' is between 1kB and 8MB")
      .Example("German spreadsheets",
               "{delimiter: \";\", decimal: \",\", encoding: cp1252, date_format: \"%d.%m.%Y\"}");
  return spec;
}

Spec<JsonFormat> MakeJsonSpec() {
  Spec<JsonFormat> spec("json", "How JSON files are written.");
  spec.Field("records", &JsonFormat::records,
             "Where the list of records is, as names joined by dots.", {.example = "data.items"})
      .Field("columns", &JsonFormat::columns, "Names and types; then nothing is guessed.",
             {.example = "{id: BIGINT, name: VARCHAR}"})
      .Field("max_record", &JsonFormat::max_record, "Longer records are refused.");
  return spec;
}

}  // namespace

const Spec<CsvFormat>& CsvFormatSpec() {
  static const Spec<CsvFormat> spec = MakeCsvSpec();
  return spec;
}

const Spec<JsonFormat>& JsonFormatSpec() {
  static const Spec<JsonFormat> spec = MakeJsonSpec();
  return spec;
}

Result<FormatKind> FormatOf(std::string_view name, FormatKind configured) {
  if (configured != FormatKind::kAuto) return configured;
  std::string lower = ToLower(name);
  for (std::string_view ending : {".gz", ".zst", ".zstd"}) {
    if (lower.ends_with(ending)) lower.resize(lower.size() - ending.size());
  }
  static const std::pair<std::string_view, FormatKind> kEndings[] = {
      {".csv", FormatKind::kCsv},      {".tsv", FormatKind::kCsv},
      {".json", FormatKind::kJson},    {".ndjson", FormatKind::kNdjson},
      {".jsonl", FormatKind::kNdjson}, {".parquet", FormatKind::kParquet},
      {".txt", FormatKind::kText},     {".log", FormatKind::kText}};
  for (const auto& [ending, kind] : kEndings) {
    if (lower.ends_with(ending)) return kind;
  }
  return Invalid("the format of " + std::string(name) + " cannot be told by its name",
                 "set format to csv, json, ndjson, parquet or text");
}

}  // namespace millrace
