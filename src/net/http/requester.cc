#include "net/http/requester.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "net/http/url.h"

namespace millrace::http {

namespace {

constexpr size_t kPieceOfAnswer = 300;  // bytes of an error's body that its message quotes

std::string StatusWords(int status) {
  static const std::pair<int, const char*> kWords[] = {{400, "Bad Request"},
                                                       {401, "Unauthorized"},
                                                       {403, "Forbidden"},
                                                       {404, "Not Found"},
                                                       {405, "Method Not Allowed"},
                                                       {406, "Not Acceptable"},
                                                       {408, "Request Timeout"},
                                                       {409, "Conflict"},
                                                       {410, "Gone"},
                                                       {413, "Content Too Large"},
                                                       {422, "Unprocessable Content"},
                                                       {425, "Too Early"},
                                                       {429, "Too Many Requests"},
                                                       {500, "Internal Server Error"},
                                                       {501, "Not Implemented"},
                                                       {502, "Bad Gateway"},
                                                       {503, "Service Unavailable"},
                                                       {504, "Gateway Timeout"}};
  for (const auto& [code, words] : kWords) {
    if (code == status) return std::to_string(status) + " " + words;
  }
  return "status " + std::to_string(status);
}

// One line, printable.
std::string Piece(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return CutText(std::string(Trim(text)), kPieceOfAnswer);
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What another host may see of a request: nothing that its user wrote for the first one.
void Forget(Request& request) {
  Headers kept;
  for (auto& [name, value] : request.headers) {
    std::string lower = ToLower(name);
    if (lower == "accept" || lower == "accept-language" || lower == "user-agent")
      kept.emplace_back(std::move(name), std::move(value));
  }
  request.headers = std::move(kept);
  request.credentials = {};
}

}  // namespace

Requester::Requester(std::unique_ptr<Client> client, Clock& clock, RequesterOptions options,
                     Log log)
    : client_(std::move(client)),
      clock_(clock),
      options_(std::move(options)),
      log_(std::move(log)),
      limiter_(clock, options_.requests, options_.per),
      budget_(options_.max_requests) {}

void Requester::SignWith(std::unique_ptr<Authenticator> authenticator) {
  authenticator_ = std::move(authenticator);
}

Result<Response> Requester::Send(Request request, std::stop_token stop,
                                 const std::set<int>& accepted) {
  return SendAs(authenticator_.get(), std::move(request), stop, accepted);
}

SendFunction Requester::SendUnsigned() {
  return [this](Request request, std::stop_token stop) {
    return SendAs(nullptr, std::move(request), stop, {});
  };
}

Result<Response> Requester::SendAs(Authenticator* authenticator, Request request,
                                   std::stop_token stop, const std::set<int>& accepted) {
  bool renewed = false;
  for (int attempt = 1;; ++attempt) {
    if (attempt > 1) ++repeated_;
    Request signed_request = request;
    Result<Response> response =
        FollowRedirects(authenticator, signed_request, attempt, stop);
    int status = response.ok() ? response->status : 0;
    bool good = (status >= 200 && status < 300) || status == 304 || accepted.contains(status);
    if (good) return response;
    if (status == 401 && authenticator && !renewed) {
      renewed = true;
      if (TRY(authenticator->Renew(signed_request, stop))) continue;
    }
    if (status == 401) hopeless_ = true;
    bool may_pass = response.ok() ? options_.retry_statuses.contains(status)
                                  : response.code() == Code::kUnavailable;
    Status failure = response.ok() ? Judge(request, *response) : response.status();
    if (!may_pass) return failure;
    if (attempt >= options_.retry.max_attempts) {
      if (attempt == 1) return failure;
      return Status(failure.code(),
                    failure.message() + ", after " + std::to_string(attempt) + " attempts",
                    failure.hint());
    }
    Status waited = Pause(response.ok() ? &*response : nullptr, attempt, stop);
    if (waited.code() == Code::kExhausted)
      return Status(Code::kUnavailable, failure.message() + "; " + waited.message(), waited.hint());
    TRY(std::move(waited));
  }
}

// Before the next attempt. kExhausted: the server asks for a wait that is too long.
Status Requester::Pause(const Response* response, int attempt, std::stop_token stop) {
  Time now = clock_.Now();
  const std::string* header = response ? FindHeader(response->headers, "Retry-After") : nullptr;
  std::optional<Micros> asked;
  if (header) asked = ParseRetryAfter(*header, now);
  if (!asked) return clock_.Sleep(Backoff(options_.retry, attempt, Jitter()), stop);
  if (*asked > options_.retry.max_wait) {
    return {Code::kExhausted, "it asks to wait for " + FormatDuration(*asked),
            "run again then, or raise `error_handler.max_wait`"};
  }
  // It counts for all: others would only be refused, too. Who comes back comes not all at once.
  limiter_.PauseUntil(now + *asked);
  Micros more(static_cast<int64_t>(Jitter() * 100'000));
  return clock_.Sleep(*asked + more, stop);
}

Result<Response> Requester::FollowRedirects(Authenticator* authenticator, Request& request,
                                            int attempt, std::stop_token stop) {
  // The signed request is given back: who renews must know which token was refused.
  if (authenticator) TRY(authenticator->Sign(request, stop));
  Request next = request;
  bool elsewhere = false;
  for (int redirects = 0;; ++redirects) {
    if (redirects > 0 && !elsewhere && authenticator) TRY(authenticator->Sign(next, stop));
    Response response = TRY(Once(next, attempt, stop));
    const std::string* location = FindHeader(response.headers, "Location");
    if (!IsRedirect(response.status) || !location) return response;
    std::string where = next.method + " " + Shown(next.url);
    if (redirects >= options_.max_redirects) {
      return Invalid(where + ": more than " + std::to_string(options_.max_redirects) +
                         " redirects, the last to " + Shown(*location),
                     "use the address that it redirects to");
    }
    Result<std::string> target = JoinUrl(next.url, *location);
    if (!target.ok()) return target.status().In(where);
    UrlParts from = TRY(ParseUrl(next.url)), to = TRY(ParseUrl(*target));
    bool keeps_method = response.status == 307 || response.status == 308;
    bool upgrade = from.scheme == "http" && to.scheme == "https" && from.host == to.host &&
                   from.port == "80" && to.port == "443";
    if (from.Origin() != to.Origin() && !upgrade) {
      elsewhere = true;
      Forget(next);
      if (keeps_method && (!next.body.empty() || next.file_body)) {
        return Invalid(where + " redirects to another host, " + to.host +
                           ", and the request has a body that only the first may see",
                       "if it is trusted, use its address: " + Shown(*target));
      }
    }
    next.url = *target;
    next.query.clear();
    bool becomes_get = response.status == 303 ? next.method != "HEAD" : next.method == "POST";
    if (!keeps_method && becomes_get) {
      next.method = "GET";
      next.body.clear();
      next.file_body.reset();
      next.content_type.clear();
    }
  }
}

Result<Response> Requester::Once(const Request& request, int attempt, std::stop_token stop) {
  std::string url = WithQuery(request.url, request.query);
  std::string shown = Shown(url);
  Status budget = budget_.Take();
  if (!budget.ok()) hopeless_ = true;
  if (!budget.ok()) return budget.In(request.method + " " + shown);
  TRY(limiter_.Acquire(stop));
  Time begun = clock_.Now();
  ++requests_;
  Result<Response> response = client_->Send(request, stop);
  if (response.code() == Code::kCanceled) return response;
  millrace::http::Exchange told{
      .method = request.method, .url = shown, .attempt = attempt, .duration = clock_.Now() - begun};
  if (response.ok()) {
    told.status = response->status;
    told.bytes = response->wire_bytes;
    bytes_ += response->wire_bytes;
    response->url = Kept(url);
  } else {
    told.error = Masked(response.status().message());
  }
  if (log_) log_(told);
  if (response.ok()) return response;
  const Status& status = response.status();
  return Status(status.code(), request.method + " " + shown + ": " + Masked(status.message()),
                status.hint());
}

Status Requester::Judge(const Request& request, const Response& response) const {
  std::string message =
      request.method + " " + Shown(response.url) + ": " + StatusWords(response.status);
  std::string piece = Piece(Masked(response.body.substr(0, 4 * kPieceOfAnswer)));
  if (!piece.empty()) message += ": " + piece;
  switch (response.status) {
    case 401:
    case 407: return Invalid(message, "see that the `authenticator` and its secrets are right");
    case 403:
      return Invalid(message,
                     "who signs in may not do this: ask for the permission, or see "
                     "`authenticator`");
    case 404:
    case 410: return NotFound(message, "see that `url` is right");
    case 429:
      return {Code::kUnavailable, message, "ask less often: `api_budget: {requests: 10, per: 1s}`"};
    default: break;
  }
  if (options_.retry_statuses.contains(response.status) || response.status >= 500)
    return {Code::kUnavailable, message};
  if (response.status >= 300 && response.status < 400)
    return Invalid(message, "it redirects without saying where to");
  return Invalid(message, "see the API's documentation for this answer");
}

std::string Requester::Shown(const std::string& url) const {
  return Masked(ShownUrl(url, authenticator_->QueryNames()));
}

std::string Requester::Kept(const std::string& url) const {
  return WithoutQuery(url, authenticator_->QueryNames());
}

std::string Requester::Masked(std::string text) const {
  constexpr size_t kShortest = 4;  // shorter ones would be found everywhere
  for (const Secret& secret : authenticator_->Secrets()) {
    for (const std::string& value : {secret.Reveal(), PercentEncode(secret.Reveal())}) {
      if (value.size() < kShortest) continue;
      for (size_t at = text.find(value); at != text.npos; at = text.find(value, at + 3))
        text.replace(at, value.size(), "***");
    }
  }
  return text;
}

Traffic Requester::traffic() const { return {requests_, repeated_, bytes_}; }

}  // namespace millrace::http
