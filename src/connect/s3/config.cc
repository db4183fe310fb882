#include "connect/s3/config.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "connect/s3/s3.h"

namespace millrace::s3 {

namespace {

constexpr std::string_view kScheme = "s3://";

bool PathsAreRight(const SourceConfig& config) {
  return std::ranges::all_of(
      config.path, [&](const std::string& path) { return PlaceOf(path, config.bucket).ok(); });
}

Result<std::string> Test(const ServerConfig& config, std::stop_token stop) {
  std::shared_ptr<S3Client> client = TRY(OpenS3(OptionsOf(config)));
  return client->Diagnose(config.bucket, stop);
}

// The first that the environment has.
std::string Variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value && *value) return value;
  }
  return "";
}

}  // namespace

S3Options OptionsOf(const ServerConfig& config) {
  S3Options options;
  options.endpoint = config.endpoint;
  if (options.endpoint.empty())
    options.endpoint = Variable({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  std::string region =
      config.region.empty() ? Variable({"AWS_REGION", "AWS_DEFAULT_REGION"}) : config.region;
  if (!region.empty()) options.region = std::move(region);
  options.path_style = config.path_style;
  options.credentials = config.credentials;
  options.access_key = config.access_key;
  options.secret_key = config.secret_key;
  options.session_token = config.session_token;
  options.profile = config.profile;
  options.ca_file = config.ca_file;
  options.part_size = config.part_size.count;
  options.memory_limit = config.memory_limit.count;
  options.connections = config.parallel;
  options.attempts = config.attempts;
  options.connect_timeout = config.connect_timeout;
  options.read_timeout = config.read_timeout;
  return options;
}

Result<Place> PlaceOf(const std::string& path, const std::string& bucket) {
  Place place{bucket, path};
  if (path.starts_with(kScheme)) {
    size_t slash = path.find('/', kScheme.size());
    place.bucket = path.substr(kScheme.size(), slash == path.npos ? slash : slash - kScheme.size());
    place.key = slash == path.npos ? "" : path.substr(slash + 1);
  }
  if (place.bucket.empty())
    return Invalid("'" + path + "' does not say which bucket",
                   "write s3://BUCKET/" + path + ", or `bucket: …` beside it");
  return place;
}

Spec<ServerConfig> ServerSpec() {
  Spec<ServerConfig> spec("s3 connection", "A server that speaks S3, and how to sign in.");
  AddServerFields(spec);
  spec.Example("MinIO",
               "connections:\n  store: {s3: {endpoint: \"https://minio:9000\", access_key: "
               "\"${S3_KEY}\", secret_key: \"${secret:s3_secret_key}\"}}");
  return spec;
}

Spec<SourceConfig> SourceSpec() {
  Spec<SourceConfig> spec("s3 source",
                          "Objects of a bucket: one, a folder, or all that a glob matches.");
  spec.Field("path", &SourceConfig::path,
             "An object, a folder (a path that ends in '/') or a glob (* ? [..] and ** across "
             "folders), or several of them: s3://BUCKET/…, or below the bucket of the connection.",
             {.required = true, .min = 1, .example = "\"s3://orders/2024/*.csv.gz\""});
  spec.Field("connection", &SourceConfig::connection, kConnectionHelp);
  AddFormatFields(spec);
  spec.Field("incremental", &SourceConfig::incremental,
             "Take only objects that are new or have another content than when they were taken. "
             "Default: yes where the task keeps what it wrote before.")
      .Field("rewritten", &SourceConfig::rewritten, file::kRewrittenHelp)
      .Field("hidden", &SourceConfig::hidden, "Take objects named .x and _x, too.");
  AddServerFields(spec);
  spec.Short("path")
      .Example("New files of a bucket",
               "from: {s3: {connection: store, path: \"s3://orders/2024/*.csv.gz\"}}")
      .Require(PathsAreRight, "'path' does not say which bucket",
               "write s3://BUCKET/…, or `bucket: …` beside it");
  return spec;
}

Spec<SinkConfig> SinkSpec() {
  Spec<SinkConfig> spec("s3 sink", "An object of a bucket, put there whole or not at all.");
  spec.Field("path", static_cast<std::string SinkConfig::*>(&SinkConfig::path),
             "s3://BUCKET/…, or below the bucket of the connection. One that ends in '/' is a "
             "folder to which each commit adds an object.",
             {.required = true, .example = "\"s3://reports/daily.csv\""});
  spec.Field("connection", static_cast<std::string SinkConfig::*>(&SinkConfig::connection),
             kConnectionHelp);
  file::AddSinkFields(spec);
  spec.Field("abort_uploads_after", &SinkConfig::abort_uploads_after,
             "Uploads in parts to this target that were begun so long ago and never came to their "
             "end, because their program was killed, are aborted.");
  AddServerFields(spec);
  spec.Short("path")
      .Example("A report", "to: {s3: {connection: store, path: \"s3://reports/daily.csv\"}}")
      .Example("An object a commit",
               "to: {s3: {connection: store, path: \"s3://exports/orders/\", format: parquet}}")
      .Require([](const SinkConfig& config) { return PlaceOf(config.path, config.bucket).ok(); },
               "'path' does not say which bucket", "write s3://BUCKET/…, or `bucket: …` beside it")
      .Require([](const SinkConfig& config) { return file::TellsFormat(config); },
               "the path does not tell the format", file::kFormatHint)
      .Require([](const SinkConfig& config) { return file::CanBeReplaced(config); },
               "a folder cannot be replaced", "name the object, or leave 'mode' out");
  return spec;
}

SinkTraits TraitsOf(const SinkConfig& config) { return file::TraitsOf(config); }

SourceTraits TraitsOf(const SourceConfig& config) {
  return {.incremental = config.incremental,
          .can_be_incremental = true,
          .pause = std::chrono::seconds(10)};
}

void Register(Registry& registry) {
  registry.AddConnection<ServerConfig>("s3", ServerSpec(), Test);
  registry.AddStorage<ServerConfig>("s3", "s3", ServerSpec(), OpenStorages);
  registry.AddSource<SourceConfig>("s3", SourceSpec(), MakeSource, TraitsOf);
  registry.AddSink<SinkConfig>("s3", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::s3
