// How HTTP services of content are reached: a Kubo node, a pinning service, a gateway.
#pragma once

#include <concepts>
#include <memory>
#include <string>

#include "connect/content/targets.h"
#include "net/http/requester.h"

namespace millrace::content {

struct HttpConfig {
  Secret token;
  std::string username;
  Secret password;
  std::string ca_file;
  int attempts = 4;
  Micros connect_timeout = std::chrono::seconds(10);
  Micros read_timeout = std::chrono::minutes(2);
  Micros timeout = std::chrono::hours(1);
};

template <std::derived_from<HttpConfig> Config>
void AddHttpFields(Spec<Config>& spec) {
  auto add = FieldsOf<HttpConfig>(spec);
  add("token", &HttpConfig::token, "Sent as `Authorization: Bearer …`.",
      {.example = "\"${secret:ipfs_token}\""});
  add("username", &HttpConfig::username, "Of a sign-in by name and password.");
  add("password", &HttpConfig::password, "Of a sign-in by name and password.",
      {.example = "\"${secret:ipfs_password}\""});
  add("ca_file", &HttpConfig::ca_file,
      "Certificates (PEM) to trust instead of the system's: for a server with a certificate of "
      "your own.");
  add("attempts", &HttpConfig::attempts,
      "Of a request that fails for a reason that may pass, with growing pauses between them.",
      {.min = 1, .max = 100});
  add("connect_timeout", &HttpConfig::connect_timeout, "Longest wait for a connection.");
  add("read_timeout", &HttpConfig::read_timeout,
      "Longest time without a byte, either way; also while a node makes what it got durable.");
  add("timeout", &HttpConfig::timeout, "Longest time of one request: of one shard.");
}

// Without a request. kInvalid: a setting is wrong.
Result<std::unique_ptr<http::Requester>> MakeRequester(const HttpConfig& config,
                                                       const ConnectContext& context);
Result<std::unique_ptr<http::Requester>> MakeRequester(const HttpConfig& config, Clock& clock,
                                                       const std::string& folder,
                                                       http::Requester::Log log);

// "https://node/" and "/api/v0/id" joined.
std::string AtAddress(std::string base, const std::string& path);
// "ipfs://ROOT", and where a gateway is known its address of it.
std::vector<std::string> LinksOf(const ipld::Cid& root, const std::string& gateway);

// An answer that is a CAR, into the file `to`: every block is verified while it comes. kRejected: a
// block is another than its CID says; kExhausted: more than `most` bytes.
http::OnBody SaveCar(const std::string& to, int64_t most, std::stop_token stop,
                     std::function<void(int64_t)> progress = {});
// Whether all of `root` is in these CAR files: what was found, in words. kRejected: something is
// missing or wrong.
Result<std::string> CheckCars(const std::vector<std::string>& paths, const ipld::Cid& root,
                              std::stop_token stop);

}  // namespace millrace::content
