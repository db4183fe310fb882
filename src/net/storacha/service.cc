#include "net/storacha/service.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "net/http/url.h"

namespace millrace::storacha {

namespace {

using ipld::Cid;
using ipld::Map;
using ipld::Value;

constexpr const char* kCarType = "application/vnd.ipld.car";
constexpr size_t kMostAnswer = 1 << 20;           // bytes
constexpr int64_t kMostBlob = int64_t{5} << 30;   // bytes; the service takes 4.2 GB
constexpr int64_t kInvocationSeconds = 15 * 60;  // that an invocation is good for
constexpr int kMostRedirects = 5;
constexpr size_t kPiece = 256 << 10;

constexpr const char* kOddHint =
    "nothing counts as stored by it; see that `url` is that of the service";

// An answer that is not what it must be.
Status Odd(std::string message) { return {Code::kConflict, std::move(message), kOddHint}; }

// What an upload needs to be allowed.
const std::vector<std::string>& Abilities() {
  static const std::vector<std::string> abilities{"space/blob/add", "space/index/add",
                                                  "upload/add"};
  return abilities;
}

// Signs nothing: knows which parameters of a signed address nobody may see.
class SignedAddresses final : public http::Authenticator {
 public:
  Status Sign(http::Request&, std::stop_token) override { return Status::Ok(); }
  std::set<std::string> QueryNames() const override {
    return {"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "Signature", "sig"};
  }
  std::vector<Secret> Secrets() const override { return {}; }
};

// The same with the hint of this room: those of net/http speak of settings of REST sources.
Status Advise(const Status& status) {
  const char* hint = "";
  Code code = status.code() == Code::kNotFound ? Code::kInvalid : status.code();
  if (code == Code::kUnavailable) hint = "try again later: what is uploaded is kept";
  if (code == Code::kInvalid) hint = "see that `url` is that of the service";
  return {code, status.message(), hint};
}

}  // namespace

Status StatusOf(const ucan::Receipt& receipt) {
  std::string name = ucan::ShownText(receipt.error_name);
  std::string message = "the service says " + (name.empty() ? "no" : name);
  std::string words = ucan::ShownText(receipt.error_message);
  if (!words.empty()) message += ": " + words;
  if (name == "ServiceUnavailable")
    return {Code::kUnavailable, message, "it takes no uploads now: name another target beside it"};
  if (name == "InsufficientStorage") {
    return {Code::kExhausted, message,
            "give the space a provider or a larger plan: `storacha space provision`"};
  }
  if (name == "Unauthorized") {
    return Invalid(message, "get a new token by `storacha bridge generate-tokens`; see, too, that "
                            "`service_did` is right");
  }
  bool unknown = name == "ShardNotFound" || name == "IndexNotFound" || name == "BlobNotFound";
  if (unknown) return NotFound(message);
  bool malformed = name == "MalformedCapability" || name == "UnknownCapability" ||
                   name == "InvocationError" || name == "HandlerNotFound";
  if (malformed) return Invalid(message, "see that `url` is that of the service");
  return {Code::kUnavailable, message, "try again later: what is uploaded is kept"};
}

Service::Service(Options options, ucan::Token token, Clock& clock)
    : options_(std::move(options)), token_(std::move(token)), clock_(clock) {}

Result<std::unique_ptr<Service>> Service::Create(Options options, Clock& clock,
                                                 http::Requester::Log log) {
  ucan::Token token = TRY(ucan::ReadToken(options.token));
  http::UrlParts url = TRY(http::ParseUrl(options.url));
  while (options.url.ends_with('/')) options.url.pop_back();
  if (options.service_did.empty()) options.service_did = "did:web:" + url.host;
  ucan::Did did = TRY(ucan::Did::Parse(options.service_did));
  if (!options.service_key.empty())
    TRY(ucan::Did::ParseKey(options.service_key).status().In("`service_key`"));
  auto client = TRY(http::Client::Create({.connect_timeout = options.connect_timeout,
                                          .read_timeout = options.read_timeout,
                                          .timeout = options.timeout,
                                          .max_body = kMostBlob,
                                          .ca_file = options.ca_file,
                                          .proxy = options.proxy}));
  http::RequesterOptions polite;
  polite.retry = {options.max_attempts, options.first_delay, options.max_delay, options.max_wait};
  polite.max_redirects = kMostRedirects;
  std::unique_ptr<Service> service(new Service(std::move(options), std::move(token), clock));
  service->requester_ =
      std::make_unique<http::Requester>(std::move(client), clock, polite, std::move(log));
  service->requester_->SignWith(std::make_unique<SignedAddresses>());
  service->did_ = std::move(did);
  service->space_ = service->options_.space;
  if (service->space_.empty()) service->space_ = service->token_.delegation.capabilities[0].with;
  return service;
}

std::string Service::agent() const { return ucan::Did::OfKey(token_.agent.public_key()).text(); }

Status Service::CheckToken() const {
  return ucan::CheckToken(token_, space_, Abilities(), clock_.Now()).status();
}

Result<http::Response> Service::Send(http::Request request, std::stop_token stop,
                                     const std::set<int>& accepted) {
  Result<http::Response> response = requester_->Send(std::move(request), stop, accepted);
  if (response.ok() || response.code() == Code::kCanceled) return response;
  return Advise(response.status());
}

Result<std::string> Service::KeyOfService(std::stop_token stop) {
  if (!options_.service_key.empty())
    return std::string(TRY(ucan::Did::Parse(options_.service_key)).public_key());
  std::lock_guard lock(mutex_);
  if (key_) return *key_;
  http::Response response = TRY(Send({.url = options_.url + "/version"}, stop, {404}));
  auto version = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  std::string key;
  if (version.is_object() && version.contains("publicKey") && version["publicKey"].is_string()) {
    auto did = ucan::Did::Parse(version["publicKey"].get<std::string>());
    if (did.ok()) key = did->public_key();
  }
  key_ = key;
  return key;
}

Status Service::Ping(std::stop_token stop) { return KeyOfService(stop).status(); }

Status Service::Verify(const ucan::Receipt& receipt, const Cid& task, const ucan::Did& audience,
                       std::stop_token stop) {
  if (receipt.ran != task) return Odd("a receipt of another task than " + task.Text());
  const ucan::Did& issuer = receipt.issuer.empty() ? audience : receipt.issuer;
  if (issuer != audience && issuer != did_) {
    return {Code::kConflict,
            "a receipt by " + ucan::ShownText(issuer.text()) + " of a task for " +
                ucan::ShownText(audience.text()),
            "nothing counts as stored by it; see that `service_did` is right"};
  }
  std::string key(issuer.public_key());
  if (issuer == did_) key = TRY(KeyOfService(stop));
  if (key.empty()) return Status::Ok();  // nobody here can tell
  if (ucan::IsSignedBy(receipt, key)) return Status::Ok();
  return Odd("a receipt that " + ucan::ShownText(issuer.text()) + " did not sign");
}

Result<std::optional<ucan::Receipt>> Service::FindReceipt(const ucan::Message& message,
                                                          const Cid& task,
                                                          const ucan::Did& audience,
                                                          std::stop_token stop) {
  std::optional<ucan::Receipt> found;
  if (auto told = message.report.find(task); told != message.report.end()) {
    auto block = message.blocks.find(told->second);
    if (block == message.blocks.end())
      return Odd("an answer without the receipt that it reports");
    Result<ucan::Receipt> receipt = ucan::ReadReceipt(told->second, block->second);
    if (!receipt.ok()) return Odd(receipt.status().message());
    found = *std::move(receipt);
  }
  // It may be in there as something that another one concluded, too.
  for (auto it = message.blocks.begin(); !found && it != message.blocks.end(); ++it) {
    Result<ucan::Receipt> receipt = ucan::ReadReceipt(it->first, it->second);
    if (receipt.ok() && receipt->ran == task) found = *std::move(receipt);
  }
  if (found) TRY(Verify(*found, task, audience, stop));
  return found;
}

Result<Answer> Service::RunOnce(const ucan::Wish& wish, const ucan::Blocks& attached,
                                std::stop_token stop) {
  auto [cid, block] = TRY(ucan::IssueUcan(token_.agent, wish));
  ucan::Blocks blocks = attached;
  blocks.emplace(cid, block);
  http::Request request{.method = "POST", .url = options_.url + "/"};
  request.headers = {{"Accept", kCarType}};
  request.content_type = kCarType;
  request.body = TRY(ucan::WriteRequest(cid, std::move(blocks)));
  http::Response response = TRY(Send(std::move(request), stop));
  Result<ucan::Message> message = ucan::ReadMessage(response.body, {.bytes = kMostAnswer});
  if (!message.ok()) {
    return Odd("POST " + options_.url + ": an answer that is none: " +
               message.status().message());
  }
  auto receipt = TRY(FindReceipt(*message, cid, did_, stop));
  if (!receipt) return Odd("POST " + options_.url + ": an answer without a receipt");
  return Answer{*std::move(receipt), *std::move(message)};
}

// What did not arrive was sent again already. An answer that is damaged, and an error that may
// pass, are asked for anew.
Result<Answer> Service::Run(ucan::Wish wish, ucan::Blocks attached, std::stop_token stop) {
  TRY(CheckToken());  // it may have ended meanwhile
  auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch());
  wish.audience = did_;
  wish.expires = now.count() + kInvocationSeconds;
  for (int attempt = 1;; ++attempt) {
    wish.nonce = NewUuid();  // the same one again would get the same answer
    Result<Answer> answer = RunOnce(wish, attached, stop);
    if (answer.ok() && answer->receipt.ok) return answer;
    Status failure = answer.ok() ? StatusOf(answer->receipt) : answer.status();
    bool may_pass = answer.ok() ? failure.code() == Code::kUnavailable &&
                                      answer->receipt.error_name != "ServiceUnavailable"
                                : failure.code() == Code::kConflict;
    if (failure.code() == Code::kInvalid) TRY(CheckToken());  // it may have ended on the way
    if (!may_pass || attempt >= options_.max_attempts) return failure.In(wish.capability.can);
    TRY(Pause(attempt, stop));
  }
}

Result<Answer> Service::Invoke(const std::string& ability, Map nb, std::stop_token stop) {
  ucan::Wish wish;
  wish.capability = {ability, space_, std::move(nb)};
  wish.proofs = {token_.delegation.cid};
  return Run(std::move(wish), token_.blocks, stop);
}

Result<Answer> Service::Conclude(const std::pair<Cid, std::string>& receipt,
                                 std::stop_token stop) {
  ucan::Wish wish;
  wish.capability = {"ucan/conclude", agent(), Map{{"receipt", receipt.first}}};
  wish.facts = ipld::List{Map{{"0", receipt.first}}};
  return Run(std::move(wish), {receipt}, stop);
}

Result<Answer> Service::Await(const ucan::Ucan& task, std::stop_token stop) {
  Time end = clock_.Now() + options_.receipt_timeout;
  Status last(Code::kUnavailable, "no receipt came in " + FormatDuration(options_.receipt_timeout),
              "try again later, or raise `receipt_timeout`");
  for (int attempt = 1;; ++attempt) {
    http::Request request{.url = options_.url + "/receipt/" + task.cid.Text()};
    request.headers = {{"Accept", kCarType}};
    http::Response response = TRY(Send(std::move(request), stop, {404}));
    if (response.status != 404) {
      Result<ucan::Message> message = ucan::ReadMessage(response.body, {.bytes = kMostAnswer});
      Status status = message.status();
      if (message.ok()) {
        auto receipt = FindReceipt(*message, task.cid, task.audience, stop);
        if (receipt.ok() && *receipt) return Answer{**std::move(receipt), *std::move(message)};
        status = receipt.status();
      }
      if (!status.ok() && status.code() != Code::kInvalid && status.code() != Code::kConflict)
        return status;
      if (!status.ok()) last = Odd(status.message());
    }
    if (clock_.Now() >= end) return last.In("waiting for the receipt of " + task.cid.Text());
    TRY(Pause(attempt, stop));
  }
}

Status Service::Pause(int attempt, std::stop_token stop) {
  http::RetryPolicy policy{.first_delay = options_.first_delay, .max_delay = options_.max_delay};
  return clock_.Sleep(http::Backoff(policy, attempt, http::Jitter()), stop);
}

Status Service::Put(const Address& address, const std::string& path, int64_t size,
                    std::stop_token stop) {
  http::UrlParts own = TRY(http::ParseUrl(options_.url));
  Result<http::UrlParts> to = http::ParseUrl(address.url);
  if (!to.ok() || (own.scheme == "https" && to->scheme != "https"))
    return {Code::kUnavailable, "the service gave no address of https for the bytes"};
  static const std::set<int> kRefusals{400, 401, 403, 404, 405, 409, 410, 411, 412, 413, 415, 422};
  http::Request request{.method = "PUT", .url = address.url, .headers = address.headers};
  request.file_body = http::FileBody{.path = path, .size = size};
  http::Response response = TRY(Send(std::move(request), stop, kRefusals));
  if (!kRefusals.contains(response.status)) return Status::Ok();
  return {Code::kConflict,
          "PUT " + requester_->Shown(address.url) + ": status " +
              std::to_string(response.status) + ": " + ucan::ShownText(response.body),
          "try again: another address is asked for"};
}

Status Service::Compare(const std::string& url, int64_t size, std::string_view sha256,
                        std::stop_token stop) {
  http::Request request{.url = url};
  std::optional<Sha256> hash;
  int64_t got = 0;
  request.on_body = [&](const http::Response&, http::BodyStream& bytes) -> Status {
    hash.emplace();  // another attempt begins anew
    got = 0;
    std::string piece(kPiece, '\0');
    while (size_t read = TRY(bytes.Read(piece.data(), piece.size()))) {
      hash->Update(std::string_view(piece).substr(0, read));
      got += static_cast<int64_t>(read);
      if (got > size) break;
    }
    return Status::Ok();
  };
  TRY(Send(std::move(request), stop));
  if (got == size && hash && hash->Hex() == sha256) return Status::Ok();
  return {Code::kRejected, requester_->Shown(url) + " has other bytes than were stored"};
}

}  // namespace millrace::storacha
