// OAuth 1.0a signatures (RFC 5849).
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "net/http/message.h"

namespace millrace::http {

enum class OAuth1Method { kHmacSha1, kHmacSha256 };

struct OAuth1Keys {
  std::string consumer_key;
  Secret consumer_secret;
  std::string token;  // "": none, as for requests on the consumer's own behalf
  Secret token_secret;
  std::string realm;
  OAuth1Method method = OAuth1Method::kHmacSha1;
  bool with_version = true;  // oauth_version="1.0" is optional
};

// Section 3.4.1: what is signed. Parameters of the address, of `query`, of a form in the body, and
// `oauth` are in it.
Result<std::string> OAuth1BaseString(const Request& request, const Query& oauth);
// The value of the Authorization header.
Result<std::string> OAuth1Header(const OAuth1Keys& keys, const Request& request, int64_t timestamp,
                                 const std::string& nonce);

}  // namespace millrace::http
