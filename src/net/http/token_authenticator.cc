// Authenticators that ask for a token, and share it among requests: OAuth 2 and session tokens.
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "config/json_path.h"
#include "net/http/authenticator.h"
#include "base/base64.h"
#include "net/http/url.h"

namespace millrace::http {

namespace {

constexpr Micros kEarly = std::chrono::seconds(30);  // a token is not used in its last moments

struct Token {
  Secret value;
  std::optional<Time> expires;
};

class TokenAuthenticator : public Authenticator {
 public:
  TokenAuthenticator(Clock& clock, std::string header, std::string prefix)
      : clock_(clock), header_(std::move(header)), prefix_(std::move(prefix)) {}

  Status Sign(Request& request, std::stop_token stop) override {
    Secret token = TRY(Current(stop));
    request.credentials = {};
    request.credentials.headers.emplace_back(header_, Secret(prefix_ + token.Reveal()));
    return Status::Ok();
  }

  // Who comes with the token that is still the current one has it forgotten; who comes later finds
  // another one.
  Result<bool> Renew(const Request& refused, std::stop_token) override {
    std::lock_guard lock(mutex_);
    for (const auto& [name, value] : refused.credentials.headers) {
      bool current =
          token_ && name == header_ && value.Reveal() == prefix_ + token_->value.Reveal();
      if (current) token_.reset();
    }
    return true;
  }

  std::vector<Secret> Secrets() const override {
    std::lock_guard lock(mutex_);
    std::vector<Secret> all = given_;
    if (token_) all.push_back(token_->value);
    return all;
  }

 protected:
  // Asks for a token; one caller at a time.
  virtual Result<Token> Ask(std::stop_token stop) = 0;
  void AddSecret(Secret secret) {
    std::lock_guard lock(mutex_);
    if (!secret.empty()) given_.push_back(std::move(secret));
  }

  Clock& clock_;

 private:
  Result<Secret> Current(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return !asking_; })) return Canceled();
    bool good = token_ && (!token_->expires || clock_.Now() + kEarly < *token_->expires);
    if (good) return token_->value;
    asking_ = true;
    lock.unlock();
    Result<Token> token = Ask(stop);
    lock.lock();
    asking_ = false;
    changed_.notify_all();
    if (!token.ok()) return token.status().In("signing in");
    token_ = *std::move(token);
    return token_->value;
  }

  const std::string header_, prefix_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool asking_ = false;
  std::optional<Token> token_;
  std::vector<Secret> given_;
};

Result<Json> AnswerOf(const Response& response) {
  Json json = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  // What stands in it may be a token: it is not quoted.
  if (json.is_discarded())
    return Invalid(ShownUrl(response.url) + " answers with what is not JSON, " +
                       std::to_string(response.body.size()) + " bytes",
                   "see that the address is the one that gives tokens");
  return json;
}

Result<std::string> TextAt(const Json& json, const std::string& path, const Response& response) {
  JsonPath parsed = TRY(JsonPath::Parse(path));
  const Json* found = parsed.First(json);
  if (found && found->is_string() && !found->get_ref<const std::string&>().empty())
    return found->get<std::string>();
  std::vector<std::string> names;
  for (const auto& [name, value] : json.items()) names.push_back(name);
  return Invalid("there is no token at '" + path + "' in the answer of " + ShownUrl(response.url),
                 json.is_object() ? "it has " + CutText(Join(names, ", "), 200) : "");
}

class OAuth2 final : public TokenAuthenticator {
 public:
  OAuth2(OAuth2Keys keys, Clock& clock, SendFunction send)
      : TokenAuthenticator(clock, "Authorization", "Bearer "),
        keys_(std::move(keys)),
        send_(std::move(send)) {
    AddSecret(keys_.client_secret);
    AddSecret(keys_.refresh_token);
  }

 protected:
  Result<Token> Ask(std::stop_token stop) override {
    Query form;
    if (keys_.refresh_token.empty()) {
      form.emplace_back("grant_type", "client_credentials");
    } else {
      form.emplace_back("grant_type", "refresh_token");
      form.emplace_back("refresh_token", keys_.refresh_token.Reveal());
    }
    Request request{.method = "POST",
                    .url = keys_.token_url,
                    .headers = {{"Accept", "application/json"}},
                    .content_type = "application/x-www-form-urlencoded"};
    if (keys_.client_in_header) {
      request.credentials.headers.emplace_back(
          "Authorization", Secret("Basic " + Base64(PercentEncode(keys_.client_id) + ":" +
                                                    PercentEncode(keys_.client_secret.Reveal()))));
    } else {
      form.emplace_back("client_id", keys_.client_id);
      if (!keys_.client_secret.empty())
        form.emplace_back("client_secret", keys_.client_secret.Reveal());
    }
    if (!keys_.scope.empty()) form.emplace_back("scope", keys_.scope);
    form.insert(form.end(), keys_.more.begin(), keys_.more.end());
    request.body = EncodeQuery(form);
    Response response = TRY(send_(std::move(request), stop));
    Json json = TRY(AnswerOf(response));
    Token token{Secret(TRY(TextAt(json, keys_.token_name, response))), {}};
    auto expires = json.find(keys_.expires_name);
    if (expires != json.end() && expires->is_number())
      token.expires = clock_.Now() + std::chrono::seconds(expires->get<int64_t>());
    // Some servers give another refresh token with each answer and take the old one back.
    auto refresh = json.find("refresh_token");
    if (!keys_.refresh_token.empty() && refresh != json.end() && refresh->is_string()) {
      keys_.refresh_token = Secret(refresh->get<std::string>());
      AddSecret(keys_.refresh_token);
    }
    return token;
  }

 private:
  OAuth2Keys keys_;  // changed in Ask only
  const SendFunction send_;
};

class Session final : public TokenAuthenticator {
 public:
  Session(SessionKeys keys, Clock& clock, SendFunction send)
      : TokenAuthenticator(clock, keys.header, keys.prefix),
        keys_(std::move(keys)),
        send_(std::move(send)) {
    for (const Secret& secret : keys_.secrets) AddSecret(secret);
  }

 protected:
  Result<Token> Ask(std::stop_token stop) override {
    Response response = TRY(send_(keys_.login, stop));
    Json json = TRY(AnswerOf(response));
    Token token{Secret(TRY(TextAt(json, keys_.token_path, response))), {}};
    if (keys_.lifetime.count() > 0) token.expires = clock_.Now() + keys_.lifetime + kEarly;
    return token;
  }

 private:
  const SessionKeys keys_;
  const SendFunction send_;
};

}  // namespace

std::unique_ptr<Authenticator> OAuth2Authenticator(OAuth2Keys keys, Clock& clock,
                                                   SendFunction send) {
  return std::make_unique<OAuth2>(std::move(keys), clock, std::move(send));
}

std::unique_ptr<Authenticator> SessionAuthenticator(SessionKeys keys, Clock& clock,
                                                    SendFunction send) {
  return std::make_unique<Session>(std::move(keys), clock, std::move(send));
}

}  // namespace millrace::http
