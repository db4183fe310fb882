// Addresses (RFC 3986), by libcurl's parser.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/http/message.h"

namespace millrace::http {

// Everything but letters, digits and -._~ as %XX.
std::string PercentEncode(std::string_view text);
std::string PercentDecode(std::string_view text);
// "a=1&b=2", encoded.
std::string EncodeQuery(const Query& query);

struct UrlParts {
  std::string scheme, host, port;  // lower case; the port is never empty
  std::string path;                // "/" at least, as written
  std::string query;               // as written, without '?'
  std::string Origin() const { return scheme + "://" + host + ":" + port; }
};
// kInvalid for what is no http or https address. User and password in it are refused: they belong
// in the authenticator.
Result<UrlParts> ParseUrl(const std::string& url);
Result<Query> ParseQuery(std::string_view query);
// What `reference` (a Location header, a next link) means seen from `base`.
Result<std::string> JoinUrl(const std::string& base, const std::string& reference);
std::string WithQuery(const std::string& url, const Query& query);
// The same address without these parameters.
std::string WithoutQuery(const std::string& url, const std::set<std::string>& names);
// For messages: values of parameters that are `secret`, or are called like secrets, are ***; no
// user and password; not longer than 500 bytes.
std::string ShownUrl(const std::string& url, const std::set<std::string>& secret = {});

}  // namespace millrace::http
