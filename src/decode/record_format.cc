#include "decode/record_format.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "base/time.h"
#include "decode/record_decoders.h"

namespace millrace {

namespace {

constexpr int64_t kMostSchema = 16 << 20;  // bytes of a schema's file

bool IsNested(const Column& column) { return !column.type.children.empty(); }

Status CheckCsv(const CsvRecords& csv) {
  bool single = csv.delimiter.size() == 1 && csv.quote.size() <= 1 && csv.delimiter != csv.quote;
  if (single && csv.delimiter.find_first_of("\r\n") == csv.delimiter.npos) return Status::Ok();
  return Invalid("'csv.delimiter' and 'csv.quote' are one character each, and not the same");
}

Status CheckOnlyAvro(RecordFormat format, const std::string& schema) {
  if (schema.empty() || format == RecordFormat::kAvro) return Status::Ok();
  return Invalid("'schema' is of Avro only", "write `format: avro`, or leave it out");
}

}  // namespace

const Spec<CsvRecords>& CsvRecordsSpec() {
  static const Spec<CsvRecords> spec =
      Spec<CsvRecords>("csv", "How records of CSV are written: one line each, without a header.")
          .Field("delimiter", &CsvRecords::delimiter, "Between fields.", {.example = "\";\""})
          .Field("quote", &CsvRecords::quote, "Around fields; \"\" for none.")
          .Field("null_text", &CsvRecords::null_text, "What stands, unquoted, for NULL.",
                 {.example = "NA"});
  return spec;
}

Status CheckRecordReading(const RecordReading& config) {
  TRY(CheckCsv(config.csv));
  TRY(CheckOnlyAvro(config.format, config.schema));
  const std::vector<Column>& columns = config.columns.columns;
  bool has_columns = config.format == RecordFormat::kJson || config.format == RecordFormat::kCsv;
  if (!columns.empty() && !has_columns) {
    return Invalid("'columns' is of JSON and CSV only",
                   config.format == RecordFormat::kAvro
                       ? "Avro's columns come from its schema: see `schema`"
                       : "the one column is called 'value'");
  }
  if (config.format == RecordFormat::kCsv && columns.empty())
    return Invalid("'columns' is missing: a record of CSV does not name them",
                   "write for example columns: {id: BIGINT, name: VARCHAR}");
  bool nested = std::any_of(columns.begin(), columns.end(), IsNested);
  if (config.format == RecordFormat::kCsv && nested)
    return Invalid("CSV has no nested columns", "take it as VARCHAR");
  return Status::Ok();
}

Status CheckRecordWriting(const RecordWriting& config) {
  TRY(CheckCsv(config.csv));
  return CheckOnlyAvro(config.format, config.schema);
}

Status TooLong(std::string_view record, const RecordReading& config) {
  return {Code::kRejected, "it has " + FormatBytes(static_cast<int64_t>(record.size())) +
                               ", `max_record` is " + FormatBytes(config.max_record.count)};
}

Result<std::string> SchemaText(const std::string& schema, const std::string& folder) {
  size_t first = schema.find_first_not_of(" \t\r\n");
  if (first == schema.npos) return Invalid("the schema is empty");
  if (schema[first] == '{' || schema[first] == '[' || schema[first] == '"') return schema;
  std::string path = schema.starts_with('/') || folder.empty() ? schema : folder + "/" + schema;
  std::ifstream in(path, std::ios::binary);
  std::string text(size_t{64} << 10, '\0'), whole;
  while (in && static_cast<int64_t>(whole.size()) <= kMostSchema) {
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    whole.append(text, 0, static_cast<size_t>(in.gcount()));
  }
  if (!in.eof())
    return NotFound("the schema " + path + " cannot be read",
                    "give its path, seen from the pipeline's folder, or the schema itself as JSON");
  return whole;
}

std::string TopicSubject(const RecordContext& context) {
  return context.topic + (context.is_key ? "-key" : "-value");
}

Result<std::unique_ptr<RecordDecoder>> MakeRecordDecoder(const RecordReading& config,
                                                         const RecordContext& context,
                                                         std::stop_token stop) {
  TRY(CheckRecordReading(config));
  switch (config.format) {
    case RecordFormat::kJson: return MakeJsonDecoder(config, context.registry != nullptr);
    case RecordFormat::kCsv: return MakeCsvDecoder(config);
    case RecordFormat::kAvro: return MakeAvroDecoder(config, context, std::move(stop));
    case RecordFormat::kText:
    case RecordFormat::kBytes: return MakePlainDecoder(config);
  }
  return Internal("records of no format");
}

Result<std::unique_ptr<RecordEncoder>> MakeRecordEncoder(const RecordWriting& config,
                                                         const RecordContext& context) {
  TRY(CheckRecordWriting(config));
  switch (config.format) {
    case RecordFormat::kJson: return MakeJsonEncoder(config);
    case RecordFormat::kCsv: return MakeCsvEncoder(config);
    case RecordFormat::kAvro: return MakeAvroEncoder(config, context);
    case RecordFormat::kText:
    case RecordFormat::kBytes: return MakePlainEncoder(config);
  }
  return Internal("records of no format");
}

}  // namespace millrace
