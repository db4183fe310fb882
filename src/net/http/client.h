// Sends requests, many at once, over connections that are kept: HTTP/1.1 and HTTP/2, by libcurl's
// multi interface (https://curl.se/libcurl/c/libcurl-multi.html) on one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "net/http/message.h"

namespace millrace::http {

struct ClientOptions {
  Micros connect_timeout = std::chrono::seconds(10);
  Micros read_timeout = std::chrono::seconds(60);  // without a single byte; whole seconds
  Micros timeout = std::chrono::minutes(30);       // of the whole request
  int64_t max_body = int64_t{1} << 30;             // bytes, decoded
  int64_t max_headers = 256 << 10;                 // bytes
  std::string ca_file;               // PEM; "": the system's
  std::optional<std::string> proxy;  // absent: as the environment says; "": none
  int max_in_flight = 64;            // more wait their turn
};

// Thread-safe.
class Client {
 public:
  static Result<std::unique_ptr<Client>> Create(ClientOptions options);
  virtual ~Client() = default;

  // One exchange: waits for its turn and the whole answer. Redirects are answers, as all statuses
  // are. kUnavailable: no answer, or half of one. kInvalid: it cannot work (address, certificate).
  // kExhausted: a limit. Its message begins with what went wrong, without the address.
  virtual Result<Response> Send(const Request& request, std::stop_token stop) = 0;
};

}  // namespace millrace::http
