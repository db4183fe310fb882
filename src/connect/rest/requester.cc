#include "connect/rest/requester.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text.h"
#include "base/time.h"
#include "config/json.h"
#include "net/http/url.h"

namespace millrace::rest {

namespace {

std::unique_ptr<http::Authenticator> ApiKey(const AuthConfig& config) {
  std::string name = config.field_name;
  if (config.inject_into == Inject::kRequestParameter)
    return http::QueryAuthenticator(name.empty() ? "api_key" : name, config.api_token);
  return http::HeaderAuthenticator(name.empty() ? "X-Api-Key" : name, config.api_token,
                                   config.prefix);
}

http::OAuth1Keys KeysOfOAuth1(const AuthConfig& config) {
  return {.consumer_key = config.consumer_key,
          .consumer_secret = config.consumer_secret,
          .token = config.token.Reveal(),
          .token_secret = config.token_secret,
          .realm = config.realm,
          .method = config.signature == Signature::kHmacSha1 ? http::OAuth1Method::kHmacSha1
                                                             : http::OAuth1Method::kHmacSha256};
}

http::SessionKeys KeysOfSession(const RequesterConfig& all, const std::string& url) {
  const AuthConfig& config = all.authenticator;
  http::SessionKeys keys{.token_path = config.session_token_path, .prefix = config.prefix};
  keys.login = {
      .method = config.login->method, .url = url, .headers = {{"Accept", "application/json"}}};
  http::Query form;
  Json body = Json::object();
  for (const auto& [name, value] : config.login->body) {
    form.emplace_back(name, value);
    body[name] = value;
    keys.secrets.push_back(Secret(value));
  }
  keys.login.body = config.login->form ? http::EncodeQuery(form) : body.dump();
  keys.login.content_type =
      config.login->form ? "application/x-www-form-urlencoded" : "application/json";
  if (!config.field_name.empty()) keys.header = config.field_name;
  if (config.expiration_duration) keys.lifetime = *config.expiration_duration;
  return keys;
}

Result<std::unique_ptr<http::Authenticator>> MakeAuthenticator(const RequesterConfig& all,
                                                               Clock& clock,
                                                               http::Requester& requester) {
  const AuthConfig& config = all.authenticator;
  switch (config.type) {
    case AuthType::kNone: return http::NoAuthenticator();
    case AuthType::kApiKey: return ApiKey(config);
    case AuthType::kBasic: return http::BasicAuthenticator(config.username, config.password);
    case AuthType::kBearer:
      return http::HeaderAuthenticator("Authorization", config.api_token, "Bearer ");
    case AuthType::kOAuth1: return http::OAuth1Authenticator(KeysOfOAuth1(config), clock);
    case AuthType::kOAuth2: {
      http::OAuth2Keys keys{.token_url = TRY(Address(all, config.token_refresh_endpoint)),
                            .client_id = config.client_id,
                            .client_secret = config.client_secret,
                            .refresh_token = config.refresh_token,
                            .scope = config.scopes,
                            .client_in_header = config.client_in_header,
                            .token_name = config.access_token_name,
                            .expires_name = config.expires_in_name};
      for (const auto& each : config.refresh_request_body) keys.more.push_back(each);
      return http::OAuth2Authenticator(std::move(keys), clock, requester.SendUnsigned());
    }
    case AuthType::kSessionToken:
      return http::SessionAuthenticator(KeysOfSession(all, TRY(Address(all, config.login->url))),
                                        clock, requester.SendUnsigned());
  }
  return Internal("an authenticator of no kind");
}

}  // namespace

Result<std::string> Address(const RequesterConfig& config, const std::string& url) {
  std::string whole = url;
  bool absolute = url.starts_with("http://") || url.starts_with("https://");
  if (!absolute && !config.url_base.empty()) {
    // "…/v1" and "/items" are joined as people mean it: …/v1/items.
    std::string base = config.url_base;
    while (base.ends_with('/')) base.pop_back();
    whole = url.empty() ? config.url_base : base + (url.starts_with('/') ? "" : "/") + url;
  }
  TRY(http::ParseUrl(whole));
  return whole;
}

Result<std::unique_ptr<http::Requester>> MakeRequester(const RequesterConfig& config,
                                                       const RequesterContext& context) {
  http::ClientOptions options{.connect_timeout = config.connect_timeout,
                              .read_timeout = config.read_timeout,
                              .timeout = config.timeout,
                              .max_body = config.max_body.count,
                              .max_headers = config.max_headers.count,
                              .proxy = config.proxy,
                              .max_in_flight = context.parallel};
  if (!config.ca_file.empty()) {
    options.ca_file =
        config.ca_file.starts_with('/') ? config.ca_file : context.folder + "/" + config.ca_file;
  }
  const ErrorHandler& errors = config.error_handler;
  http::RequesterOptions polite{.retry = {.max_attempts = errors.max_attempts,
                                          .first_delay = errors.first_delay,
                                          .max_delay = errors.max_delay,
                                          .max_wait = errors.max_wait},
                                .max_redirects = config.max_redirects,
                                .requests = config.api_budget.requests,
                                .per = config.api_budget.per,
                                .max_requests = config.api_budget.max_requests};
  polite.retry_statuses.clear();
  for (const std::string& status : errors.retry)
    polite.retry_statuses.insert(std::atoi(status.c_str()));
  http::Requester::Log log;
  if (context.log)
    log = [tell = context.log](const http::Exchange& exchange) { tell(ToString(exchange)); };
  auto requester =
      std::make_unique<http::Requester>(TRY(http::Client::Create(std::move(options))),
                                        context.clock, std::move(polite), std::move(log));
  requester->SignWith(TRY(MakeAuthenticator(config, context.clock, *requester)));
  return requester;
}

Result<std::string> TestConnection(const RequesterConfig& config, std::stop_token stop) {
  RequesterConfig once = config;
  once.error_handler.max_attempts = 1;
  Clock& clock = SystemClock();
  std::unique_ptr<http::Requester> requester = TRY(MakeRequester(once, {.clock = clock}));
  http::Request request{.url = TRY(Address(config, config.test_url))};
  for (const auto& each : config.headers) request.headers.push_back(each);
  request.on_body = [](const http::Response&, http::BodyStream&) { return Status::Ok(); };
  // Many an API has nothing at its base: then it answers all the same.
  std::set<int> fine{405};
  if (config.test_url.empty()) fine.insert(404);
  Time began = clock.Now();
  http::Response response = TRY(requester->Send(std::move(request), stop, fine));
  std::string found = requester->Shown(response.url) + " answers with status " +
                      std::to_string(response.status) + " in " +
                      FormatDuration(clock.Now() - began);
  bool untried = config.test_url.empty() && config.authenticator.type != AuthType::kNone;
  if (untried) found += "; whether the sign-in is right is known with a `test_url`";
  return found;
}

}  // namespace millrace::rest
