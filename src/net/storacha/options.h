// How a Storacha service is reached.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"
#include "base/time.h"

namespace millrace::storacha {

inline constexpr const char* kPublicService = "https://up.storacha.network";

struct Options {
  std::string url = kPublicService;
  std::string service_did;  // "": did:web: and the host of `url`
  std::string service_key;  // did:key:…; "": what the service says under /version
  Secret token;             // see net/ucan/token.h
  std::string space;        // did:key:…; "": of the delegation
  int max_attempts = 5;     // of each step, in all
  Micros first_delay = std::chrono::milliseconds(500);
  Micros max_delay = std::chrono::seconds(30);
  Micros max_wait = std::chrono::minutes(5);  // the longest `Retry-After` that is waited for
  Micros connect_timeout = std::chrono::seconds(10);
  Micros read_timeout = std::chrono::seconds(60);    // without a single byte, either way
  Micros timeout = std::chrono::hours(1);            // of one request, a shard's bytes included
  Micros receipt_timeout = std::chrono::minutes(2);  // until a shard's acceptance is seen
  std::string ca_file;                               // PEM; "": the system's
  std::optional<std::string> proxy;                  // absent: as the environment says; "": none
};

}  // namespace millrace::storacha
