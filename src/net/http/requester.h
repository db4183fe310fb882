// Sends requests as a polite client does: signed, repeated when that may help, not too often, and
// through redirects without telling another host who asks.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "net/http/authenticator.h"
#include "net/http/client.h"
#include "net/http/message.h"
#include "net/http/rate_limit.h"
#include "net/http/retry_policy.h"

namespace millrace::http {

struct RequesterOptions {
  RetryPolicy retry;
  std::set<int> retry_statuses = {408, 425, 429, 500, 502, 503, 504};
  int max_redirects = 10;
  int64_t requests = 0;  // at most so many within `per`; 0: no limit
  Micros per = std::chrono::minutes(1);
  int64_t max_requests = 0;  // in all; 0: no limit
};

// What was done, for a summary.
struct Traffic {
  int64_t requests = 0, repeated = 0, bytes = 0;
};

// Thread-safe.
class Requester {
 public:
  // Told of each exchange, from any thread; may be empty.
  using Log = std::function<void(const Exchange&)>;

  Requester(std::unique_ptr<Client> client, Clock& clock, RequesterOptions options, Log log);
  // Until then requests are not signed. It may hold SendUnsigned() of this.
  void SignWith(std::unique_ptr<Authenticator> authenticator);

  // An answer of 2xx or 304, or a status of `accepted`. Else the message is "GET https://…: what",
  // and the code says what to do: kUnavailable (after all attempts), kInvalid (sign-in refused, the
  // request is wrong), kNotFound (404, 410), kExhausted (a limit or the budget).
  Result<Response> Send(Request request, std::stop_token stop, const std::set<int>& accepted = {});
  // For token requests: repeated and limited alike, not signed.
  SendFunction SendUnsigned();

  // Without secrets: the address for messages, and a text in which secrets are ***.
  std::string Shown(const std::string& url) const;
  std::string Masked(std::string text) const;
  // An address as it may be kept: without parameters that hold credentials.
  std::string Kept(const std::string& url) const;
  Traffic traffic() const;
  // Nothing more will be answered: the budget is used up, or the sign-in was refused.
  bool Hopeless() const { return hopeless_; }

 private:
  Result<Response> SendAs(Authenticator* authenticator, Request request, std::stop_token stop,
                          const std::set<int>& accepted);
  Result<Response> FollowRedirects(Authenticator* authenticator, Request& request, int attempt,
                                   std::stop_token stop);
  Result<Response> Once(const Request& request, int attempt, std::stop_token stop);
  Status Judge(const Request& request, const Response& response) const;
  Status Pause(const Response* response, int attempt, std::stop_token stop);

  const std::unique_ptr<Client> client_;
  Clock& clock_;
  const RequesterOptions options_;
  const Log log_;
  RateLimiter limiter_;
  RequestBudget budget_;
  std::unique_ptr<Authenticator> authenticator_ = NoAuthenticator();
  std::atomic<bool> hopeless_{false};
  std::atomic<int64_t> requests_{0}, repeated_{0}, bytes_{0};
};

}  // namespace millrace::http
