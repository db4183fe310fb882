#include "net/s3/core.h"

#include <aws/auth/credentials.h>
#include <aws/auth/signing_config.h>
#include <aws/http/connection.h>
#include <aws/io/channel.h>
#include <aws/io/channel_bootstrap.h>
#include <aws/io/event_loop.h>
#include <aws/io/host_resolver.h>
#include <aws/io/tls_channel_handler.h>
#include <aws/s3/s3_client.h>

#include <algorithm>
#include <thread>

namespace millrace::s3 {

namespace {

constexpr size_t kLibraryMemory = size_t{256} << 20;  // the least it takes; objects are in our pool
constexpr size_t kSocketBytes = 64 << 10;             // moved by one call of the system
constexpr auto kLookForStop = std::chrono::milliseconds(200);
constexpr int64_t kLeastPart = int64_t{5} << 20;  // of S3, but for the last

aws_byte_cursor Cursor(std::string_view text) {
  return aws_byte_cursor_from_array(text.data(), text.size());
}

Status CheckOptions(const S3Options& options) {
  if (options.part_size < kLeastPart) return Invalid("part_size: S3 takes no parts below 5 MiB");
  if (options.memory_limit < 2 * options.part_size) {
    return Invalid("memory_limit: two parts of " + FormatBytes(options.part_size) + " do not fit",
                   "raise memory_limit or lower part_size");
  }
  if (options.connections < 1 || options.connections > 1000) {
    return Invalid("connections: from 1 to 1000");
  }
  if (options.parts_in_flight < 1 || options.parts_in_flight > 1000) {
    return Invalid("parts_in_flight: from 1 to 1000");
  }
  if (options.attempts < 1 || options.attempts > 100) return Invalid("attempts: from 1 to 100");
  if (options.region.empty()) return Invalid("region: is empty");
  if (options.credentials == S3Credentials::kStatic &&
      (options.access_key.empty() || options.secret_key.empty())) {
    return Invalid("access_key and secret_key are both needed");
  }
  return Status::Ok();
}

struct Place {
  std::string scheme, host;
};

Result<Place> Locate(const S3Options& options) {
  if (options.endpoint.empty()) {
    bool china = options.region.starts_with("cn-");
    return Place{"https", "s3." + options.region + ".amazonaws.com" + (china ? ".cn" : "")};
  }
  std::string rest = options.endpoint;
  Place place;
  for (const char* scheme : {"http", "https"}) {
    std::string begin = std::string(scheme) + "://";
    if (rest.starts_with(begin)) place = {scheme, rest.substr(begin.size())};
  }
  while (place.host.ends_with('/')) place.host.pop_back();
  if (place.host.empty() || place.host.find_first_of("/?#@ ") != place.host.npos) {
    return Invalid(
        "endpoint: '" + options.endpoint + "' is not http(s)://host or http(s)://host:port",
        "for example http://127.0.0.1:9000");
  }
  std::string usual = place.scheme == "http" ? ":80" : ":443";
  if (place.host.ends_with(usual)) place.host.resize(place.host.size() - usual.size());
  return place;
}

// Whether the keys may come from a service, by HTTPS.
bool MayAskForKeys(const S3Options& options) {
  switch (options.credentials) {
    case S3Credentials::kAuto: return options.access_key.empty();
    case S3Credentials::kProfile:
    case S3Credentials::kWebIdentity: return true;
    case S3Credentials::kStatic:
    case S3Credentials::kEnvironment:
    case S3Credentials::kAnonymous: return false;
  }
  return true;
}

Result<TlsContext> OpenTls(const S3Options& options) {
  aws_allocator* allocator = aws_default_allocator();
  aws_tls_ctx_options tls;
  aws_tls_ctx_options_init_default_client(&tls, allocator);
  int error = 0;
  if (!options.ca_file.empty()) {
    error = aws_tls_ctx_options_override_default_trust_store_from_path(&tls, nullptr,
                                                                       options.ca_file.c_str());
  }
  TlsContext context(error ? nullptr : aws_tls_client_ctx_new(allocator, &tls));
  aws_tls_ctx_options_clean_up(&tls);
  if (context) return context;
  std::string reason = aws_error_str(aws_last_error());
  if (options.ca_file.empty()) return Invalid("cannot set up TLS: " + reason);
  return Invalid("ca_file: cannot read certificates from " + options.ca_file + ": " + reason,
                 "it must be a PEM file");
}

uint32_t Seconds(Micros time) {
  return static_cast<uint32_t>(
      std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(time).count()));
}

}  // namespace

aws_client_bootstrap* Bootstrap() {
  static aws_client_bootstrap* bootstrap = [] {
    aws_allocator* allocator = aws_default_allocator();
    g_aws_channel_max_fragment_size = kSocketBytes;
    aws_s3_library_init(allocator);
    auto threads = static_cast<uint16_t>(std::clamp(std::thread::hardware_concurrency(), 1u, 16u));
    aws_event_loop_group* loops = aws_event_loop_group_new_default(allocator, threads, nullptr);
    aws_host_resolver_default_options resolving{};
    resolving.el_group = loops;
    resolving.max_entries = 64;
    aws_client_bootstrap_options options{};
    options.event_loop_group = loops;
    options.host_resolver = aws_host_resolver_new_default(allocator, &resolving);
    return aws_client_bootstrap_new(allocator, &options);
  }();
  return bootstrap;
}

void CredentialsDeleter::operator()(aws_credentials_provider* provider) const {
  aws_credentials_provider_release(provider);
}
void TlsDeleter::operator()(aws_tls_ctx* context) const { aws_tls_ctx_release(context); }
void ClientDeleter::operator()(aws_s3_client* client) const { aws_s3_client_release(client); }

Core::Core(const S3Options& options, std::string scheme, std::string host)
    : options(options),
      scheme(std::move(scheme)),
      host(std::move(host)),
      endpoint(this->scheme + "://" + this->host),
      pool(std::make_shared<BufferPool>(static_cast<size_t>(options.memory_limit))),
      turns_(std::max(2u, std::thread::hardware_concurrency())) {}

Result<std::unique_ptr<Core>> Core::Open(const S3Options& options) {
  TRY(CheckOptions(options));
  Place place = TRY(Locate(options));
  std::unique_ptr<Core> core(new Core(options, place.scheme, place.host));
  TRY(core->Connect());
  return core;
}

Status Core::Connect() {
  aws_client_bootstrap* bootstrap = Bootstrap();
  // To read the certificates that are trusted takes longer than many a run.
  if (https() || MayAskForKeys(options)) tls_ = TRY(OpenTls(options));
  credentials_ = TRY(OpenCredentials(options, tls_.get()));

  aws_signing_config_aws signing;
  aws_s3_init_default_signing_config(&signing, Cursor(options.region), credentials_.get());
  aws_tls_connection_options tls{};
  if (https()) aws_tls_connection_options_init_from_ctx(&tls, tls_.get());
  aws_http_connection_monitoring_options monitoring{};
  monitoring.minimum_throughput_bytes_per_second = 1;
  monitoring.allowable_throughput_failure_interval_seconds = Seconds(options.read_timeout);
  aws_s3_tcp_keep_alive_options keep_alive{30, 10, 3};

  aws_s3_client_config config{};
  config.max_active_connections_override = static_cast<uint32_t>(options.connections);
  config.region = Cursor(options.region);
  config.client_bootstrap = bootstrap;
  config.tls_mode = https() ? AWS_MR_TLS_ENABLED : AWS_MR_TLS_DISABLED;
  config.tls_connection_options = https() ? &tls : nullptr;
  config.signing_config = &signing;
  config.part_size = static_cast<uint64_t>(options.part_size);
  config.memory_limit_in_bytes = kLibraryMemory;
  config.retry_config.retry_mode = AWS_S3_RETRY_MODE_NONE;  // request.cc tries again
  config.connect_timeout_ms =
      static_cast<uint32_t>(std::max<int64_t>(1, options.connect_timeout.count() / 1000));
  config.monitoring_options = &monitoring;
  config.tcp_keep_alive_options = &keep_alive;
  config.num_file_io_threads = 1;
  client_.reset(aws_s3_client_new(aws_default_allocator(), &config));
  if (https()) aws_tls_connection_options_clean_up(&tls);
  if (client_) return Status::Ok();
  return Internal(std::string("cannot make an S3 client: ") + aws_error_str(aws_last_error()));
}

Result<Turn> Core::TakeTurn(std::stop_token stop) {
  while (!turns_.try_acquire_for(kLookForStop)) {
    if (stop.stop_requested()) return Canceled();
  }
  return Turn(&turns_);
}

// AWS's certificates cover one label before s3.…: a bucket's name with dots needs the path.
bool Core::PathStyle(const std::string& bucket) const {
  bool dotted = https() && bucket.find('.') != bucket.npos;
  return options.path_style.value_or(!options.endpoint.empty() || dotted);
}

std::string Core::HostOf(const std::string& bucket) const {
  return bucket.empty() || PathStyle(bucket) ? host : bucket + "." + host;
}

std::string Core::PathOf(const std::string& bucket, const std::string& key) const {
  std::string path = bucket.empty() || !PathStyle(bucket) ? "" : "/" + UriEncode(bucket, false);
  return key.empty() && !path.empty() ? path : path + "/" + UriEncode(key, true);
}

std::string UriEncode(std::string_view text, bool keep_slash) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash)) {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string UriDecode(std::string_view text) {
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace millrace::s3
