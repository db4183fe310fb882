#include "connect/file/sink_config.h"

#include <filesystem>

#include "base/text.h"
#include "connect/file/source_config.h"

namespace millrace::file {

namespace {

// The ending of a file's name without that of a compression: "out/a.csv.gz" → ".csv".
std::string FormatEnding(const std::string& path) {
  std::filesystem::path name = ToLower(std::filesystem::path(path).filename().string());
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  return name.extension().string();
}

}  // namespace

bool TellsFormat(const SinkConfig& config) {
  if (config.format != SinkFormat::kAuto || config.path.ends_with('/')) return true;
  for (const char* ending : {".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".parquet"}) {
    if (FormatEnding(config.path) == ending) return true;
  }
  return false;
}

bool CanBeReplaced(const SinkConfig& config) {
  return config.mode != SinkMode::kReplace || !config.path.ends_with('/');
}

Spec<SinkConfig> SinkSpec() {
  Spec<SinkConfig> spec("file sink",
                        "A file of this machine, put in place whole or not at all.");
  spec.Field("path", &SinkConfig::path,
             "Relative to the pipeline's folder. One that ends in '/' is a folder to which each "
             "commit adds a file.",
             {.required = true, .example = "out/report.csv"});
  AddSinkFields(spec);
  spec.Field("connection", &SinkConfig::connection, kServerHelp)
      .Short("path")
      .Example("A report", "to: {file: out/report.csv}")
      .Example("A file a commit", "to: {file: {path: out/orders/, format: parquet}}")
      .Require(TellsFormat, "the path does not tell the format", kFormatHint)
      .Require(CanBeReplaced, "a folder cannot be replaced", "name the file, or leave 'mode' out");
  return spec;
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

std::map<std::string, std::string> WriterOptions(const SinkConfig& config) {
  std::map<std::string, std::string> options;
  if (config.format == SinkFormat::kCsv) {
    options = {{"header", config.header ? "true" : "false"},
               {"delimiter", config.delimiter},
               {"nullstr", config.null_text}};
  }
  bool parquet = config.format == SinkFormat::kParquet;
  switch (config.compression) {
    case SinkCompression::kGzip: options["compression"] = "gzip"; break;
    case SinkCompression::kZstd: options["compression"] = "zstd"; break;
    default: options["compression"] = parquet ? "uncompressed" : "none";
  }
  return options;
}

}  // namespace millrace::file
