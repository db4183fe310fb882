#include "net/http/oauth1.h"

#include <openssl/hmac.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "base/base64.h"
#include "net/http/url.h"

namespace millrace::http {

namespace {

std::string Hmac(OAuth1Method method, const std::string& key, const std::string& text) {
  const EVP_MD* digest = method == OAuth1Method::kHmacSha1 ? EVP_sha1() : EVP_sha256();
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(digest, key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return Base64({reinterpret_cast<const char*>(out), size});
}

// 3.4.1.2: lower case, and the port only where it is not the scheme's own.
std::string BaseUri(const UrlParts& url) {
  bool usual =
      (url.scheme == "http" && url.port == "80") || (url.scheme == "https" && url.port == "443");
  return url.scheme + "://" + url.host + (usual ? "" : ":" + url.port) + url.path;
}

}  // namespace

Result<std::string> OAuth1BaseString(const Request& request, const Query& oauth) {
  UrlParts url = TRY(ParseUrl(request.url));
  Query all = TRY(ParseQuery(url.query));
  all.insert(all.end(), request.query.begin(), request.query.end());
  for (const auto& [name, value] : request.credentials.query)
    all.emplace_back(name, value.Reveal());
  if (request.content_type.starts_with("application/x-www-form-urlencoded")) {
    Query form = TRY(ParseQuery(request.body));
    all.insert(all.end(), form.begin(), form.end());
  }
  all.insert(all.end(), oauth.begin(), oauth.end());
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : all)
    encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  std::sort(encoded.begin(), encoded.end());
  std::vector<std::string> parts;
  for (const auto& [name, value] : encoded) parts.push_back(name + "=" + value);
  return request.method + "&" + PercentEncode(BaseUri(url)) + "&" + PercentEncode(Join(parts, "&"));
}

Result<std::string> OAuth1Header(const OAuth1Keys& keys, const Request& request, int64_t timestamp,
                                 const std::string& nonce) {
  bool sha1 = keys.method == OAuth1Method::kHmacSha1;
  Query oauth = {{"oauth_consumer_key", keys.consumer_key},
                 {"oauth_signature_method", sha1 ? "HMAC-SHA1" : "HMAC-SHA256"},
                 {"oauth_timestamp", std::to_string(timestamp)},
                 {"oauth_nonce", nonce}};
  if (!keys.token.empty()) oauth.emplace_back("oauth_token", keys.token);
  if (keys.with_version) oauth.emplace_back("oauth_version", "1.0");
  std::string base = TRY(OAuth1BaseString(request, oauth));
  std::string key = PercentEncode(keys.consumer_secret.Reveal()) + "&" +
                    PercentEncode(keys.token_secret.Reveal());
  oauth.emplace_back("oauth_signature", Hmac(keys.method, key, base));
  std::vector<std::string> parts;
  if (!keys.realm.empty()) parts.push_back("realm=\"" + keys.realm + "\"");
  for (const auto& [name, value] : oauth)
    parts.push_back(PercentEncode(name) + "=\"" + PercentEncode(value) + "\"");
  return "OAuth " + Join(parts, ", ");
}

}  // namespace millrace::http
