// One HTTP request and its answer (RFC 9110).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/secret.h"
#include "base/status.h"
#include "base/time.h"

namespace millrace::http {

// Names compare without case.
using Headers = std::vector<std::pair<std::string, std::string>>;
// The first of that name, or null.
const std::string* FindHeader(const Headers& headers, std::string_view name);

// Not yet percent-encoded.
using Query = std::vector<std::pair<std::string, std::string>>;

// What only the origin of a request may see; never in a log or a message.
struct Credentials {
  std::vector<std::pair<std::string, Secret>> headers, query;
};

struct Request {
  std::string method = "GET";
  std::string url;  // absolute, http or https; may have a query of its own
  Query query;      // added to it
  Headers headers;
  std::string body, content_type;
  Credentials credentials;
};

// The bytes of an answer: in memory while they are few, else in a file that is gone with this.
class Body {
 public:
  // `folder`: where the file is made when more than `memory` bytes come.
  Body(std::string folder, int64_t memory) : folder_(std::move(folder)), memory_(memory) {}
  Body() = default;
  Body(Body&&) = default;
  Body& operator=(Body&&) = default;

  Status Append(std::string_view bytes);
  void Clear();
  int64_t size() const { return size_; }
  bool in_memory() const { return file_.get() < 0; }
  const std::string& text() const { return text_; }  // while in memory
  // Up to `size` bytes from `offset`; 0 at the end.
  Result<size_t> Read(int64_t offset, char* out, size_t size) const;
  // The first bytes, or all: for messages and small documents.
  Result<std::string> Begin(size_t most) const;

 private:
  std::string folder_;
  int64_t memory_ = 0, size_ = 0;
  std::string text_;
  Descriptor file_;
};

// The bytes of an answer while they come; of the thread that waits for the answer.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // Up to `size` bytes, waiting for them; 0 at the end. How the transfer failed, when it did.
  virtual Result<size_t> Read(char* out, size_t size) = 0;
};

struct Response {
  int status = 0;
  Headers headers;
  Body body;               // decoded: gzip, br and zstd are taken off
  bool streamed = false;   // the body was long, and went to the LongBody
  int64_t wire_bytes = 0;  // as they came
  std::string url;         // that answered: after redirects, without credentials
};

// Takes a body that is not kept in memory, while it comes. `head`: the answer without its body.
// An error ends the transfer and is its result.
using LongBody = std::function<Status(const Response& head, BodyStream& bytes)>;

// What is told of each request, for logs: nothing in it is secret.
struct Exchange {
  std::string method, url;
  int attempt = 1;
  int status = 0;  // 0: there was no answer
  int64_t bytes = 0;
  Micros duration{0};
  std::string error;  // "" when there was an answer
};
// "GET https://… 200 1.2 MB 51 ms attempt 1"
std::string ToString(const Exchange& exchange);

}  // namespace millrace::http
