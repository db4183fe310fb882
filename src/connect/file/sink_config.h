// What a pipeline file says of a file that is written.
#pragma once

#include <concepts>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "config/spec.h"
#include "connect/registry.h"

namespace millrace::file {

enum class SinkMode { kAuto, kReplace, kAppend };
enum class SinkFormat { kAuto, kCsv, kJson, kNdjson, kParquet };
enum class SinkCompression { kAuto, kNone, kGzip, kZstd };

struct SinkConfig {
  std::string path;
  SinkMode mode = SinkMode::kAuto;
  SinkFormat format = SinkFormat::kAuto;
  SinkCompression compression = SinkCompression::kAuto;
  bool header = true;
  std::string delimiter;  // "": by format: a tab for .tsv, else a comma
  std::string null_text;  // of CSV
  std::string connection;  // of a path on a server
};

// The fields of every sink of files, but for its path.
template <std::derived_from<SinkConfig> Config>
void AddSinkFields(Spec<Config>& spec) {
  auto add = [&spec]<class T>(const char* key, T SinkConfig::*member, std::string help,
                              FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("mode", &SinkConfig::mode,
      "replace: exactly this file, with all rows of the last commit; append: each commit adds a "
      "file, its name made of the path and the commit. auto: append for a folder, else replace.");
  add("format", &SinkConfig::format, "auto: by the path's ending.");
  add("compression", &SinkConfig::compression,
      "auto: by the path's ending, .gz or .zst; zstd for Parquet.");
  add("header", &SinkConfig::header, "Names of the columns in the first line of CSV.");
  add("delimiter", &SinkConfig::delimiter, "Between the fields of CSV.", {.example = "\";\""});
  add("null_text", &SinkConfig::null_text, "How CSV says null.", {.example = "NA"});
}
// What AddSinkFields asks of a config.
bool TellsFormat(const SinkConfig& config);
bool CanBeReplaced(const SinkConfig& config);
inline constexpr const char* kFormatHint =
    "end it in .csv, .tsv, .json, .ndjson or .parquet, or say `format: csv`";

Spec<SinkConfig> SinkSpec();
SinkTraits TraitsOf(const SinkConfig& config);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

// With nothing left to `auto`. Formats are named by the path's ending; a path that ends in '/' is a
// folder of CSV.
SinkConfig Decided(const SinkConfig& config);
// "csv" ".csv.gz": as the engine and the file's name say it. Precondition: Decided.
std::string EngineFormat(const SinkConfig& config);
std::string EndingOf(const SinkConfig& config);
// Of the engine's writer.
std::map<std::string, std::string> WriterOptions(const SinkConfig& config);

}  // namespace millrace::file

namespace millrace {

template <>
struct EnumNames<file::SinkMode> {
  static constexpr std::pair<std::string_view, file::SinkMode> kAll[] = {
      {"auto", file::SinkMode::kAuto},
      {"replace", file::SinkMode::kReplace},
      {"append", file::SinkMode::kAppend},
  };
};

template <>
struct EnumNames<file::SinkFormat> {
  static constexpr std::pair<std::string_view, file::SinkFormat> kAll[] = {
      {"auto", file::SinkFormat::kAuto},       {"csv", file::SinkFormat::kCsv},
      {"json", file::SinkFormat::kJson},       {"ndjson", file::SinkFormat::kNdjson},
      {"parquet", file::SinkFormat::kParquet},
  };
};

template <>
struct EnumNames<file::SinkCompression> {
  static constexpr std::pair<std::string_view, file::SinkCompression> kAll[] = {
      {"auto", file::SinkCompression::kAuto},
      {"none", file::SinkCompression::kNone},
      {"gzip", file::SinkCompression::kGzip},
      {"zstd", file::SinkCompression::kZstd},
  };
};

}  // namespace millrace
