// What a pipeline file says of a landing.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/spec.h"
#include "connect/file/source_config.h"
#include "connect/registry.h"
#include "decode/format.h"

namespace millrace::landing {

struct SourceConfig : FormatConfig {
  std::string path;  // "orders/*.csv.gz": the landing, then a file or a glob of its files
  std::optional<bool> incremental;
  file::Rewritten rewritten = file::Rewritten::kReplace;
};

struct SinkConfig {
  std::string name;
};

Spec<SourceConfig> SourceSpec();
Spec<SinkConfig> SinkSpec();
SourceTraits TraitsOf(const SourceConfig& config);
SinkTraits TraitsOf(const SinkConfig& config);
Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

// "orders/*.csv" → "orders", "*.csv"; "orders" alone means all its files.
std::string LandingOf(const SourceConfig& config);
std::string PatternOf(const SourceConfig& config);

}  // namespace millrace::landing
