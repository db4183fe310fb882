// How a request proves who asks.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "net/http/message.h"
#include "net/http/oauth1.h"

namespace millrace::http {

// Thread-safe: one serves all requests of a source.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Fills in request.credentials; may ask a token server first.
  virtual Status Sign(Request& request, std::stop_token stop) = 0;
  // The server refused `request` with 401: true when signing again may help. However many requests
  // were refused at once, a token is renewed once.
  virtual Result<bool> Renew(const Request& /*refused*/, std::stop_token) { return false; }
  // Parameters of the address that hold credentials.
  virtual std::set<std::string> QueryNames() const { return {}; }
  // Everything that must not be shown, as it is now.
  virtual std::vector<Secret> Secrets() const = 0;
};

std::unique_ptr<Authenticator> NoAuthenticator();
// One header or one parameter of the address with a fixed value: API keys, bearer tokens.
std::unique_ptr<Authenticator> HeaderAuthenticator(std::string name, Secret value,
                                                   std::string prefix = "");
std::unique_ptr<Authenticator> QueryAuthenticator(std::string name, Secret value);
// RFC 7617.
std::unique_ptr<Authenticator> BasicAuthenticator(std::string username, Secret password);
std::unique_ptr<Authenticator> OAuth1Authenticator(OAuth1Keys keys, Clock& clock);

// How a token is asked for; retries are the sender's.
using SendFunction = std::function<Result<Response>(Request, std::stop_token)>;

// RFC 6749: client credentials (4.4), or a refresh token (6).
struct OAuth2Keys {
  std::string token_url;
  std::string client_id;
  Secret client_secret, refresh_token;  // with a refresh token that grant is used
  std::string scope;
  bool client_in_header = false;  // Basic, as RFC 6749 prefers; else in the form, as most take it
  std::string token_name = "access_token", expires_name = "expires_in";
  std::vector<std::pair<std::string, std::string>> more;  // of the form: audience, resource
};
std::unique_ptr<Authenticator> OAuth2Authenticator(OAuth2Keys keys, Clock& clock,
                                                   SendFunction send);

// A request that signs in, and a token in its answer.
struct SessionKeys {
  Request login;
  std::vector<Secret> secrets;                   // in the login request
  std::string token_path;                        // see config/json_path.h
  std::string header = "Authorization", prefix;  // where it goes, and what stands before it
  Micros lifetime{0};                            // renewed after it; 0: when refused
};
std::unique_ptr<Authenticator> SessionAuthenticator(SessionKeys keys, Clock& clock,
                                                    SendFunction send);

}  // namespace millrace::http
