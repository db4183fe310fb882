// What a pipeline file says of a REST API. Names follow Airbyte's low-code manifests
// (https://docs.airbyte.com/connector-development/config-based/), with short forms like dlt's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "connect/registry.h"
#include "decode/format.h"

namespace millrace::rest {

enum class AuthType { kNone, kApiKey, kBasic, kBearer, kOAuth1, kOAuth2, kSessionToken };
enum class Inject { kRequestParameter, kHeader, kBody };
enum class Signature { kHmacSha1, kHmacSha256 };

struct Login {  // the request of a session token
  std::string url, method = "POST";
  std::map<std::string, std::string> body;  // sent as JSON
  bool form = false;                        // …or as a form
};

struct AuthConfig {
  AuthType type = AuthType::kNone;
  Secret api_token;
  std::string username;
  Secret password;
  Inject inject_into = Inject::kHeader;
  std::string field_name;
  std::string consumer_key, realm;
  Secret consumer_secret, token, token_secret;
  Signature signature = Signature::kHmacSha1;
  std::string token_refresh_endpoint, client_id, scopes;
  Secret client_secret, refresh_token;
  bool client_in_header = false;
  std::map<std::string, std::string> refresh_request_body;
  std::string access_token_name = "access_token", expires_in_name = "expires_in";
  std::optional<Login> login;
  std::string session_token_path, prefix;
  std::optional<Micros> expiration_duration;
};

struct ErrorHandler {
  int max_attempts = 5;
  Micros first_delay = std::chrono::milliseconds(500), max_delay = std::chrono::seconds(30);
  Micros max_wait = std::chrono::minutes(5);
  std::vector<std::string> retry = {"408", "425", "429", "500", "502", "503", "504"};
  std::vector<std::string> ignore;
};

struct ApiBudget {
  int64_t requests = 0;
  Micros per = std::chrono::minutes(1);
  int64_t max_requests = 0;
};

// Everything about the server, not about what is asked of it: a connection can hold it.
struct RequesterConfig {
  std::string url_base, test_url;
  AuthConfig authenticator;
  std::map<std::string, std::string> headers;
  ErrorHandler error_handler;
  ApiBudget api_budget;
  Micros connect_timeout = std::chrono::seconds(10);
  Micros read_timeout = std::chrono::seconds(60);
  Micros timeout = std::chrono::minutes(30);
  Bytes max_body{int64_t{1} << 30};
  Bytes max_headers{256 << 10};
  int max_redirects = 10;
  std::string ca_file;
  std::optional<std::string> proxy;
};

enum class PageType { kAuto, kNone, kPage, kOffset, kCursor, kLink, kNextUrl };

struct PaginatorConfig {
  PageType type = PageType::kAuto;
  std::string param, size_param;  // "": as is usual for the type
  std::optional<int64_t> page_size;
  int64_t start = -1;  // -1: as is usual for the type
  std::string cursor, total;
  Inject inject_into = Inject::kRequestParameter;
  int64_t max_pages = 100'000;
};

struct ForEach {
  std::string table;
  std::vector<std::string> column;
  std::vector<std::string> values;
  std::string where;
  bool when_changed = false;
  std::optional<bool> add;
};

enum class CursorType { kTime, kNumber, kText };

struct IncrementalSync {
  std::string cursor_field;
  CursorType cursor_type = CursorType::kTime;
  std::string start, end;
  std::optional<Micros> lookback_window, step, cursor_granularity;
  std::string start_param, end_param;
  std::string datetime_format = "iso8601";
};

struct SourceConfig : RequesterConfig {
  std::string connection, url, method = "GET";
  std::map<std::string, std::string> params;
  YamlNode body;
  std::string records, explode;
  PaginatorConfig paginator;
  std::optional<ForEach> for_each;
  int parallel = 8;
  std::optional<IncrementalSync> incremental_sync;
  std::map<std::string, std::string> columns;
  FormatKind format = FormatKind::kAuto;
  CsvFormat csv;
  Bytes max_record{16 << 20};
  Micros resume_within = std::chrono::hours(24);
};

Spec<RequesterConfig> RequesterSpec();
Spec<SourceConfig> SourceSpec();
SourceTraits TraitsOf(const SourceConfig& config);
Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);

}  // namespace millrace::rest

namespace millrace {

template <>
struct EnumNames<rest::AuthType> {
  static constexpr std::pair<std::string_view, rest::AuthType> kAll[] = {
      {"none", rest::AuthType::kNone},
      {"api_key", rest::AuthType::kApiKey},
      {"basic", rest::AuthType::kBasic},
      {"bearer", rest::AuthType::kBearer},
      {"oauth1", rest::AuthType::kOAuth1},
      {"oauth2", rest::AuthType::kOAuth2},
      {"session_token", rest::AuthType::kSessionToken}};
};
template <>
struct EnumNames<rest::Signature> {
  static constexpr std::pair<std::string_view, rest::Signature> kAll[] = {
      {"hmac-sha1", rest::Signature::kHmacSha1}, {"hmac-sha256", rest::Signature::kHmacSha256}};
};
template <>
struct EnumNames<rest::PageType> {
  static constexpr std::pair<std::string_view, rest::PageType> kAll[] = {
      {"auto", rest::PageType::kAuto},       {"none", rest::PageType::kNone},
      {"page", rest::PageType::kPage},       {"offset", rest::PageType::kOffset},
      {"cursor", rest::PageType::kCursor},   {"link", rest::PageType::kLink},
      {"next_url", rest::PageType::kNextUrl}};
};
template <>
struct EnumNames<rest::Inject> {
  static constexpr std::pair<std::string_view, rest::Inject> kAll[] = {
      {"request_parameter", rest::Inject::kRequestParameter},
      {"header", rest::Inject::kHeader},
      {"body", rest::Inject::kBody}};
};
template <>
struct EnumNames<rest::CursorType> {
  static constexpr std::pair<std::string_view, rest::CursorType> kAll[] = {
      {"time", rest::CursorType::kTime},
      {"number", rest::CursorType::kNumber},
      {"text", rest::CursorType::kText}};
};

}  // namespace millrace
