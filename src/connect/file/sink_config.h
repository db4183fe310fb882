// What a pipeline file says of a file that is written.
#pragma once

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
};

Spec<SinkConfig> SinkSpec();
SinkTraits TraitsOf(const SinkConfig& config);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

// With nothing left to `auto`. Formats are named by the path's ending; a path that ends in '/' is a
// folder of CSV.
SinkConfig Decided(const SinkConfig& config);
// "csv" ".csv.gz": as the engine and the file's name say it. Precondition: Decided.
std::string EngineFormat(const SinkConfig& config);
std::string EndingOf(const SinkConfig& config);

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
