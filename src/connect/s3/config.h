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

// The fields of every config that is a server's, too.
template <std::derived_from<ServerConfig> Config>
void AddServerFields(Spec<Config>& spec) {
  auto add = [&spec]<class T>(const char* key, T ServerConfig::*member, std::string help,
                              FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("endpoint", &ServerConfig::endpoint,
      "Of a server that is not AWS's, such as MinIO: http(s)://host:port. Without one: "
      "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL of the environment, else AWS, by region.",
      {.example = "\"https://minio.example.com:9000\""});
  add("region", &ServerConfig::region,
      "Region of the buckets. Without one: AWS_REGION or AWS_DEFAULT_REGION of the environment, "
      "else us-east-1.");
  add("path_style", &ServerConfig::path_style,
      "http://host/bucket/key rather than http://bucket.host/key. Default: yes where an endpoint "
      "is given.");
  add("credentials", &ServerConfig::credentials,
      "Where the keys come from. auto: access_key and secret_key where they are given, else AWS's "
      "usual places: environment, profile, web identity, container, machine.");
  add("access_key", &ServerConfig::access_key, "Access key id.", {.example = "${S3_ACCESS_KEY}"});
  add("secret_key", &ServerConfig::secret_key, "Secret access key.",
      {.example = "\"${secret:s3_secret_key}\""});
  add("session_token", &ServerConfig::session_token, "Of temporary keys.");
  add("profile", &ServerConfig::profile, "Of ~/.aws/config and ~/.aws/credentials.");
  add("ca_file", &ServerConfig::ca_file,
      "Certificates (PEM) to trust instead of the system's: for a server with a certificate of "
      "your own.");
  add("bucket", &ServerConfig::bucket, "Bucket of paths that do not name one.");
  add("part_size", &ServerConfig::part_size, "Larger objects are moved in parts of this size.");
  add("memory_limit", &ServerConfig::memory_limit, "Objects in memory on their way, together.");
  add("parallel", &ServerConfig::parallel, "Requests at once.", {.min = 1, .max = 1024});
  add("attempts", &ServerConfig::attempts,
      "Of a request that fails for a reason that may pass, with growing pauses between them.",
      {.min = 1, .max = 100});
  add("connect_timeout", &ServerConfig::connect_timeout, "Longest wait for a connection.");
  add("read_timeout", &ServerConfig::read_timeout,
      "Longest silence of a server that was asked something.");
}

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
