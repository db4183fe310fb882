#include "connect/file/sink_config.h"

#include <filesystem>

#include "base/text.h"

namespace millrace::file {

namespace {

// The ending of a file's name without that of a compression: "out/a.csv.gz" → ".csv".
std::string FormatEnding(const std::string& path) {
  std::filesystem::path name = ToLower(std::filesystem::path(path).filename().string());
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  return name.extension().string();
}

bool HasKnownFormat(const SinkConfig& config) {
  if (config.format != SinkFormat::kAuto || config.path.ends_with('/')) return true;
  for (const char* ending : {".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".parquet"}) {
    if (FormatEnding(config.path) == ending) return true;
  }
  return false;
}

}  // namespace

Spec<SinkConfig> SinkSpec() {
  return Spec<SinkConfig>("file sink", "A file of this machine, put in place whole or not at all.")
      .Field("path", &SinkConfig::path,
             "Relative to the pipeline's folder. One that ends in '/' is a folder to which each "
             "commit adds a file.",
             {.required = true, .example = "out/report.csv"})
      .Field("mode", &SinkConfig::mode,
             "replace: exactly this file, with all rows of the last commit; append: each commit "
             "adds a file, its name made of the path and the commit. auto: append for a folder, "
             "else replace.")
      .Field("format", &SinkConfig::format, "auto: by the path's ending.")
      .Field("compression", &SinkConfig::compression,
             "auto: by the path's ending, .gz or .zst; zstd for Parquet.")
      .Field("header", &SinkConfig::header, "Names of the columns in the first line of CSV.")
      .Field("delimiter", &SinkConfig::delimiter, "Between the fields of CSV.",
             {.example = "\";\""})
      .Field("null_text", &SinkConfig::null_text, "How CSV says null.", {.example = "NA"})
      .Short("path")
      .Example("A report", "to: {file: out/report.csv}")
      .Example("A file a commit", "to: {file: {path: out/orders/, format: parquet}}")
      .Require(HasKnownFormat, "the path does not tell the format",
               "end it in .csv, .tsv, .json, .ndjson or .parquet, or say `format: csv`")
      .Require(
          [](const SinkConfig& config) {
            return config.mode != SinkMode::kReplace || !config.path.ends_with('/');
          },
          "a folder cannot be replaced", "name the file, or leave 'mode' out");
}

SinkTraits TraitsOf(const SinkConfig& config) {
  return {.replaces = Decided(config).mode == SinkMode::kReplace};
}

SinkConfig Decided(const SinkConfig& config) {
  SinkConfig decided = config;
  std::string ending = FormatEnding(config.path);
  if (decided.mode == SinkMode::kAuto) {
    decided.mode = config.path.ends_with('/') ? SinkMode::kAppend : SinkMode::kReplace;
  }
  if (decided.format == SinkFormat::kAuto) {
    decided.format = ending == ".json"                           ? SinkFormat::kJson
                     : ending == ".ndjson" || ending == ".jsonl" ? SinkFormat::kNdjson
                     : ending == ".parquet"                      ? SinkFormat::kParquet
                                                                 : SinkFormat::kCsv;
  }
  if (decided.compression == SinkCompression::kAuto) {
    std::string last = ToLower(std::filesystem::path(config.path).extension().string());
    bool parquet = decided.format == SinkFormat::kParquet;
    decided.compression = last == ".gz"               ? SinkCompression::kGzip
                          : last == ".zst" || parquet ? SinkCompression::kZstd
                                                      : SinkCompression::kNone;
  }
  if (decided.delimiter.empty()) decided.delimiter = ending == ".tsv" ? "\t" : ",";
  return decided;
}

std::string EngineFormat(const SinkConfig& config) {
  return spec_internal::DefaultText(config.format);
}

std::string EndingOf(const SinkConfig& config) {
  std::string ending = "." + EngineFormat(config);
  if (config.format == SinkFormat::kParquet) return ending;  // compressed within
  if (config.compression == SinkCompression::kGzip) ending += ".gz";
  if (config.compression == SinkCompression::kZstd) ending += ".zst";
  return ending;
}

}  // namespace millrace::file
