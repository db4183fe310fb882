#include "net/http/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace millrace::http {

namespace {

constexpr size_t kMostShown = 500;
constexpr std::string_view kSecretNames[] = {
    "access_token", "api_key",       "apikey", "auth",      "client_secret",
    "key",          "password",      "passwd", "secret",    "sig",
    "signature",    "session_token", "token",  "api_token", "refresh_token"};

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

Handle NewHandle() { return Handle(curl_url(), &curl_url_cleanup); }

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK || text == nullptr) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

bool IsPlain(char c) { return (IsNameByte(c) || c == '-' || c == '.' || c == '~'); }

bool IsSecretName(std::string_view name, const std::set<std::string>& secret) {
  if (secret.contains(std::string(name))) return true;
  std::string lower = ToLower(name);
  return std::find(std::begin(kSecretNames), std::end(kSecretNames), lower) !=
         std::end(kSecretNames);
}

// Base and what follows '?', without a fragment.
std::pair<std::string, std::string> Cut(const std::string& url) {
  std::string whole = url.substr(0, url.find('#'));
  size_t mark = whole.find('?');
  if (mark == whole.npos) return {whole, ""};
  return {whole.substr(0, mark), whole.substr(mark + 1)};
}

}  // namespace

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    if (IsPlain(c)) {
      encoded += c;
    } else {
      unsigned char byte = static_cast<unsigned char>(c);
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

std::string PercentDecode(std::string_view text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape =
        text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    if (escape) {
      decoded += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::string EncodeQuery(const Query& query) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : query)
    parts.push_back(PercentEncode(name) + "=" + PercentEncode(value));
  return Join(parts, "&");
}

Result<UrlParts> ParseUrl(const std::string& url) {
  Handle handle = NewHandle();
  CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0);
  std::string shown = ShownUrl(url);
  if (code != CURLUE_OK) {
    return Invalid("'" + shown + "' is not an address: " + ToLower(curl_url_strerror(code)),
                   "write it like https://example.com/api/items");
  }
  UrlParts parts;
  parts.scheme = ToLower(Part(handle.get(), CURLUPART_SCHEME));
  if (parts.scheme != "http" && parts.scheme != "https")
    return Invalid("'" + shown + "' is not an address of http or https");
  if (!Part(handle.get(), CURLUPART_USER).empty()) {
    return Invalid("'" + shown + "' has a user in it",
                   "use `authenticator: {type: basic, username: …, password: …}`");
  }
  parts.host = ToLower(Part(handle.get(), CURLUPART_HOST));
  parts.port = Part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  parts.path = Part(handle.get(), CURLUPART_PATH);
  parts.query = Part(handle.get(), CURLUPART_QUERY);
  return parts;
}

Result<Query> ParseQuery(std::string_view query) {
  Query parsed;
  if (query.empty()) return parsed;
  for (const std::string& part : Split(query, '&')) {
    if (part.empty()) continue;
    size_t equals = part.find('=');
    std::string value = equals == part.npos ? "" : PercentDecode(part.substr(equals + 1));
    parsed.emplace_back(PercentDecode(part.substr(0, equals)), std::move(value));
  }
  return parsed;
}

Result<std::string> JoinUrl(const std::string& base, const std::string& reference) {
  Handle handle = NewHandle();
  CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, base.c_str(), 0);
  if (code == CURLUE_OK)
    code = curl_url_set(handle.get(), CURLUPART_URL, reference.c_str(), CURLU_URLENCODE);
  if (code != CURLUE_OK) {
    return Invalid("'" + ShownUrl(reference) +
                   "' is not an address: " + ToLower(curl_url_strerror(code)));
  }
  curl_url_set(handle.get(), CURLUPART_FRAGMENT, nullptr, 0);
  return Part(handle.get(), CURLUPART_URL);
}

std::string WithQuery(const std::string& url, const Query& query) {
  if (query.empty()) return url;
  auto [base, own] = Cut(url);
  return base + "?" + own + (own.empty() ? "" : "&") + EncodeQuery(query);
}

std::string WithoutQuery(const std::string& url, const std::set<std::string>& names) {
  auto [base, query] = Cut(url);
  std::vector<std::string> kept;
  for (const std::string& part : Split(query, '&')) {
    bool drop = part.empty() || names.contains(PercentDecode(part.substr(0, part.find('='))));
    if (!drop) kept.push_back(part);
  }
  return kept.empty() ? base : base + "?" + Join(kept, "&");
}

std::string ShownUrl(const std::string& url, const std::set<std::string>& secret) {
  auto [base, query] = Cut(url);
  size_t host = base.find("://");
  if (host != base.npos) {
    size_t end = std::min(base.find('/', host + 3), base.size());
    size_t at = base.rfind('@', end);
    if (at != base.npos && at > host && at < end) base.replace(host + 3, at - host - 3, "***");
  }
  std::vector<std::string> parts;
  for (const std::string& part : Split(query, '&')) {
    size_t equals = part.find('=');
    bool hide = equals != part.npos && IsSecretName(PercentDecode(part.substr(0, equals)), secret);
    if (!part.empty()) parts.push_back(hide ? part.substr(0, equals) + "=***" : part);
  }
  std::string shown = parts.empty() ? base : base + "?" + Join(parts, "&");
  return CutText(std::move(shown), kMostShown);
}

}  // namespace millrace::http
