// What millrace.yml says of an S3 server and a pipeline file of objects that are read.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "connect/file/sink_config.h"
#include "connect/file/source_config.h"
#include "connect/registry.h"
#include "decode/format.h"
#include "net/s3/s3.h"

namespace millrace {

template <>
struct EnumNames<S3Credentials> {
  static constexpr std::pair<std::string_view, S3Credentials> kAll[] = {
      {"auto", S3Credentials::kAuto},
      {"static", S3Credentials::kStatic},
      {"profile", S3Credentials::kProfile},
      {"environment", S3Credentials::kEnvironment},
      {"web_identity", S3Credentials::kWebIdentity},
      {"anonymous", S3Credentials::kAnonymous},
  };
};

namespace s3 {

// A server and how to sign in.
struct ServerConfig {
  std::string endpoint;
  std::string region;
  std::optional<bool> path_style;
  S3Credentials credentials = S3Options().credentials;
  std::string access_key;
  Secret secret_key;
  Secret session_token;
  std::string profile;
  std::string ca_file;
  std::string bucket;
  Bytes part_size{S3Options().part_size};
  Bytes memory_limit{S3Options().memory_limit};
  int parallel = S3Options().connections;
  int attempts = S3Options().attempts;
  Micros connect_timeout = S3Options().connect_timeout;
  Micros read_timeout = S3Options().read_timeout;
};

struct SourceConfig : FormatConfig, ServerConfig {
  std::string connection;
  std::vector<std::string> path;
  std::optional<bool> incremental;
  file::Rewritten rewritten = file::Rewritten::kReplace;
  bool hidden = false;
};

struct SinkConfig : file::SinkConfig, ServerConfig {
  Micros abort_uploads_after = std::chrono::hours(24);
};

S3Options OptionsOf(const ServerConfig& config);

Spec<ServerConfig> ServerSpec();
Spec<SourceConfig> SourceSpec();
SourceTraits TraitsOf(const SourceConfig& config);
Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);
Spec<SinkConfig> SinkSpec();
SinkTraits TraitsOf(const SinkConfig& config);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

// For lakes on s3://.
Result<Registry::OpenStorage> OpenStorages(const ServerConfig& config);

// "s3://bucket/a/*.csv" names its bucket, "a/*.csv" is in the configured one.
struct Place {
  std::string bucket, key;
};
Result<Place> PlaceOf(const std::string& path, const std::string& bucket);

}  // namespace s3
}  // namespace millrace
