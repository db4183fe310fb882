// One HTTP request and its answer (RFC 9110).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// The bytes of an answer, decoded (gzip, br and zstd are taken off), while they come.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // Up to `size` bytes, waiting for them; 0 at the end. How the transfer failed, when it did.
  virtual Result<size_t> Read(char* out, size_t size) = 0;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;        // unless on_body took it; cut off after kMostBody bytes
  int64_t wire_bytes = 0;  // as they came
  std::string url;         // that answered: after redirects, without credentials

  static constexpr size_t kMostBody = size_t{1} << 20;
};

// Takes the body of an answer of 2xx, in the thread that waits for it; anew with each attempt.
// `head` has a status and headers. What it leaves does not come; its error is the exchange's.
using OnBody = std::function<Status(const Response& head, BodyStream& bytes)>;

// A body too large to be kept: bytes of a file of this machine, between two texts (as a form of
// several parts has them). Read anew with each attempt; the file must not change.
struct FileBody {
  std::string path;
  int64_t size = 0;  // so many bytes of its begin
  std::string before = {}, after = {};
};

struct Request {
  std::string method = "GET";
  std::string url;  // absolute, http or https; may have a query of its own
  Query query;      // added to it
  Headers headers;
  std::string body, content_type;
  std::optional<FileBody> file_body;  // sent instead of `body`
  Credentials credentials;
  OnBody on_body;  // empty: it is kept
};

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
