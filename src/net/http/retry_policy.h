// When a request that failed is sent again.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace millrace::http {

struct RetryPolicy {
  int max_attempts = 5;  // in all
  Micros first_delay = std::chrono::milliseconds(500);
  Micros max_delay = std::chrono::seconds(30);
  // A server that asks for a longer wait than this is not waited for.
  Micros max_wait = std::chrono::minutes(5);
};

// `Retry-After`: seconds or a date (RFC 9110, 10.2.3); a date that is past is no wait. nullopt:
// neither.
std::optional<Micros> ParseRetryAfter(std::string_view value, Time now);

// The wait after attempt number `attempt` (from 1): doubled each time, capped, and of that between
// a half and all by `jitter` (0 to 1), so that those who failed together do not come back together.
Micros Backoff(const RetryPolicy& policy, int attempt, double jitter);

// 0 to 1, another one each time.
double Jitter();

}  // namespace millrace::http
