#include "net/http/authenticator.h"

#include <chrono>

#include "base/hash.h"
#include "base/base64.h"

namespace millrace::http {

namespace {

class None final : public Authenticator {
 public:
  Status Sign(Request& request, std::stop_token) override {
    request.credentials = {};
    return Status::Ok();
  }
  std::vector<Secret> Secrets() const override { return {}; }
};

// The same for every request.
class Fixed final : public Authenticator {
 public:
  Fixed(Credentials credentials, std::vector<Secret> secrets)
      : credentials_(std::move(credentials)), secrets_(std::move(secrets)) {}

  Status Sign(Request& request, std::stop_token) override {
    request.credentials = credentials_;
    return Status::Ok();
  }
  std::set<std::string> QueryNames() const override {
    std::set<std::string> names;
    for (const auto& [name, value] : credentials_.query) names.insert(name);
    return names;
  }
  std::vector<Secret> Secrets() const override { return secrets_; }

 private:
  const Credentials credentials_;
  const std::vector<Secret> secrets_;
};

class OAuth1 final : public Authenticator {
 public:
  OAuth1(OAuth1Keys keys, Clock& clock) : keys_(std::move(keys)), clock_(clock) {}

  // Each attempt has a signature of its own: a server takes a nonce once.
  Status Sign(Request& request, std::stop_token) override {
    request.credentials = {};
    auto now = std::chrono::floor<std::chrono::seconds>(clock_.Now()).time_since_epoch().count();
    std::string nonce = Sha256Hex(NewUuid()).substr(0, 32);
    std::string value = TRY(OAuth1Header(keys_, request, now, nonce));
    request.credentials.headers.emplace_back("Authorization", Secret(std::move(value)));
    return Status::Ok();
  }
  std::vector<Secret> Secrets() const override {
    return {keys_.consumer_secret, keys_.token_secret, Secret(keys_.token)};
  }

 private:
  const OAuth1Keys keys_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<Authenticator> NoAuthenticator() { return std::make_unique<None>(); }

std::unique_ptr<Authenticator> HeaderAuthenticator(std::string name, Secret value,
                                                   std::string prefix) {
  Credentials credentials;
  credentials.headers.emplace_back(std::move(name), Secret(prefix + value.Reveal()));
  return std::make_unique<Fixed>(std::move(credentials), std::vector<Secret>{std::move(value)});
}

std::unique_ptr<Authenticator> QueryAuthenticator(std::string name, Secret value) {
  Credentials credentials;
  credentials.query.emplace_back(std::move(name), value);
  return std::make_unique<Fixed>(std::move(credentials), std::vector<Secret>{std::move(value)});
}

std::unique_ptr<Authenticator> BasicAuthenticator(std::string username, Secret password) {
  Secret encoded(Base64(username + ":" + password.Reveal()));
  Credentials credentials;
  credentials.headers.emplace_back("Authorization", Secret("Basic " + encoded.Reveal()));
  return std::make_unique<Fixed>(std::move(credentials),
                                 std::vector<Secret>{std::move(password), std::move(encoded)});
}

std::unique_ptr<Authenticator> OAuth1Authenticator(OAuth1Keys keys, Clock& clock) {
  return std::make_unique<OAuth1>(std::move(keys), clock);
}

}  // namespace millrace::http
