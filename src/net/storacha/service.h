// A Storacha service as an agent with a token uses it: invocations of UCANs over HTTP, and the
// receipts of what came of them. https://github.com/storacha/specs (w3-ucan, w3-blob) and
// https://github.com/storacha/upload-service.
//
// A receipt counts when it is of the task that was asked for, and signed by whom the task was for,
// or by the service: by the key in his DID or, for the service, by the key that it has at /version
// over TLS, or that the options name. Of a node whose key is not in its DID the service's word for
// the receipt is taken.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/env.h"
#include "net/http/requester.h"
#include "net/storacha/options.h"
#include "net/ucan/message.h"
#include "net/ucan/token.h"

namespace millrace::storacha {

struct Answer {
  ucan::Receipt receipt;
  ucan::Message message;  // it, and what came with it
};

// Where the bytes of a blob go, for a while.
struct Address {
  std::string url;
  http::Headers headers;
};

// Thread-safe.
class Service {
 public:
  // Reads the token. kInvalid: it, or another option, is wrong; nothing was sent.
  static Result<std::unique_ptr<Service>> Create(Options options, Clock& clock,
                                                 http::Requester::Log log);

  const Options& options() const { return options_; }
  const std::string& space() const { return space_; }
  const std::string& did() const { return did_.text(); }
  std::string agent() const;

  // Whether the delegation allows an upload now. Sends nothing.
  Status CheckToken() const;
  // Whether it answers.
  Status Ping(std::stop_token stop);

  // Runs one task in the space; the answer is a receipt of ok. kUnavailable: it may go well later;
  // kConflict: the answer is not what it must be; kInvalid: not allowed, or not understood;
  // kExhausted: no room; kNotFound: the service does not know what it is about.
  Result<Answer> Invoke(const std::string& ability, ipld::Map nb, std::stop_token stop);
  // Tells the service what came of a task that the agent did itself.
  Result<Answer> Conclude(const std::pair<ipld::Cid, std::string>& receipt, std::stop_token stop);
  // Waits for the receipt of a task, be it ok or not. kUnavailable: none in `receipt_timeout`.
  Result<Answer> Await(const ucan::Ucan& task, std::stop_token stop);
  // The receipt of a task in a message; nullopt: none. kConflict: it is not what it must be.
  Result<std::optional<ucan::Receipt>> FindReceipt(const ucan::Message& message,
                                                   const ipld::Cid& task,
                                                   const ucan::Did& audience, std::stop_token stop);

  // The bytes of a file to where the service wants them. kConflict: that address is not good any
  // more, another one may be.
  Status Put(const Address& address, const std::string& path, int64_t size, std::stop_token stop);
  // Reads through what an address has. kRejected: it is not of that size and SHA-256 (hex).
  Status Compare(const std::string& url, int64_t size, std::string_view sha256,
                 std::stop_token stop);

  // Before attempt number `attempt` + 1.
  Status Pause(int attempt, std::stop_token stop);

 private:
  Service(Options options, ucan::Token token, Clock& clock);
  Result<Answer> Run(ucan::Wish wish, ucan::Blocks attached, std::stop_token stop);
  Result<Answer> RunOnce(const ucan::Wish& wish, const ucan::Blocks& attached,
                         std::stop_token stop);
  Status Verify(const ucan::Receipt& receipt, const ipld::Cid& task, const ucan::Did& audience,
                std::stop_token stop);
  // "" when nobody says.
  Result<std::string> KeyOfService(std::stop_token stop);
  Result<http::Response> Send(http::Request request, std::stop_token stop,
                              const std::set<int>& accepted = {});

  const Options options_;
  const ucan::Token token_;
  Clock& clock_;
  std::unique_ptr<http::Requester> requester_;
  std::string space_;
  ucan::Did did_;
  std::mutex mutex_;  // over key_
  std::optional<std::string> key_;
};

// An error that a receipt tells, as a Status.
Status StatusOf(const ucan::Receipt& receipt);

}  // namespace millrace::storacha
