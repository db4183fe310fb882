// How files of rows are written: the part of a connector's config that says so.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "decode/inflate.h"

namespace millrace {

enum class FormatKind { kAuto, kCsv, kJson, kNdjson, kParquet, kText };  // auto: by the file's name

template <>
struct EnumNames<FormatKind> {
  static constexpr std::pair<std::string_view, FormatKind> kAll[] = {
      {"auto", FormatKind::kAuto},       {"csv", FormatKind::kCsv},
      {"json", FormatKind::kJson},       {"ndjson", FormatKind::kNdjson},
      {"parquet", FormatKind::kParquet}, {"text", FormatKind::kText}};
};

struct CsvFormat {
  std::optional<std::string> delimiter, quote, escape, comment;  // absent: found in the file
  std::optional<bool> header;                                    // absent: found in the file
  std::string encoding = "utf-8";
  std::vector<std::string> null = {""};
  int64_t skip = 0;  // lines
  bool all_text = false;
  std::vector<std::string> names;              // of a file without a header
  std::map<std::string, std::string> columns;  // name → type
  std::string decimal = ".";
  std::string date_format, timestamp_format;  // strptime; "" = found in the file
  Bytes max_line{2'000'000};
};

struct JsonFormat {
  std::string records;  // path to the list of records: "data.items"
  std::map<std::string, std::string> columns;
  Bytes max_record{16 << 20};
};

// A connector's config inherits this; AddFormatFields adds its fields to the connector's Spec.
struct FormatConfig {
  FormatKind format = FormatKind::kAuto;
  Compression compression = Compression::kAuto;
  CsvFormat csv;
  JsonFormat json;
};

const Spec<CsvFormat>& CsvFormatSpec();
const Spec<JsonFormat>& JsonFormatSpec();

template <class Config>
requires std::derived_from<Config, FormatConfig>
void AddFormatFields(Spec<Config>& spec) {
  spec.Field("format", static_cast<FormatKind Config::*>(&FormatConfig::format),
             "How the rows are written; auto goes by the file's name.");
  spec.Field("compression", static_cast<Compression Config::*>(&FormatConfig::compression),
             "How the file is compressed; auto goes by its first bytes.");
  spec.Group(
      "csv", static_cast<CsvFormat Config::*>(&FormatConfig::csv), CsvFormatSpec(),
      "What there is to know of CSV files. All of it is found in the file where it is not given.");
  spec.Group("json", static_cast<JsonFormat Config::*>(&FormatConfig::json), JsonFormatSpec(),
             "What there is to know of JSON files.");
}

// The format of a file of this name when kAuto is asked for; kInvalid when the name does not say.
Result<FormatKind> FormatOf(std::string_view name, FormatKind configured);

}  // namespace millrace
