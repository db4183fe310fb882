// One request to the server and its attempts: sent, waited for, tried again, stopped.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/s3/core.h"

namespace millrace::s3 {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string operation;  // S3's name of it, "PutObject"
  std::string method;
  std::string bucket, key;
  Pairs query;    // not encoded; signed
  Pairs headers;  // signed
  std::string_view body;
  std::shared_ptr<const void> body_owner;  // keeps `body` until the library is done with it
  std::string body_sha256;                 // hex; empty: the signature does not cover the body
  std::shared_ptr<Buffer> into;  // a GetObject with a Range of its size puts its bytes here
  int attempts = 0;              // 0: as the options say
  Micros time_limit{0};          // of all attempts; 0: as the options say
  int fine = 0;                  // a status, besides success, that is an answer and no error
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string Header(const std::string& name) const;
};

// What came instead of success: an answer of the server, or an error on the way to it.
struct Failure {
  int error = 0;  // aws_last_error()
  Response response;
  std::string code, message;  // of the server's XML
};

// `failure` in words, with a code that says what to do and the next step.
Status Explain(const Core& core, const Request& request, const Failure& failure);
// Whether the same request may succeed a little later.
bool MayHeal(const Core& core, const Request& request, const Failure& failure);
// What is wrong with the certificate of https://host[:port], looked at by a handshake; "" when it
// is in order or nothing answers.
std::string CertificateFault(const std::string& host, const std::string& ca_file);
Status BadCertificate(const std::string& fault);

// Cancels what is under way when it is destroyed. Not thread-safe.
class Call {
 public:
  // Sends it at once. `core` must outlive the call.
  Call(Core& core, Request request);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Waits for the answer, trying again as the options say. Call once.
  Result<Response> Wait(std::stop_token stop);
  const Request& request() const { return request_; }
  int attempts() const { return attempts_; }

 private:
  class Attempt;

  void Send();
  Micros Limit() const;
  // The outcome of this attempt; kCanceled, or kUnavailable when the time of all attempts is over.
  Status WaitForAttempt(std::stop_token stop);
  // Waits before the next attempt: twice as long each time, at random up to that.
  Status BackOff(std::stop_token stop);

  Core& core_;
  const Request request_;
  const std::chrono::steady_clock::time_point deadline_;
  int attempts_ = 0;
  std::shared_ptr<Attempt> attempt_;
};

Result<Response> Send(Core& core, Request request, std::stop_token stop);

// "Sat, 21 Nov 2026 17:00:00 GMT"
std::optional<Time> ParseHttpDate(const std::string& text);
std::string Unquoted(std::string etag);

}  // namespace millrace::s3
