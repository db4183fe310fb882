// How often and how much may be asked. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>

#include "base/env.h"
#include "base/status.h"

namespace millrace::http {

// At most `requests` begin within any span of `per`; and none before a point in time that a server
// asked for.
class RateLimiter {
 public:
  // requests 0: no limit but what PauseUntil says.
  RateLimiter(Clock& clock, int64_t requests, Micros per);

  // Waits for the next place.
  Status Acquire(std::stop_token stop);
  void PauseUntil(Time time);

 private:
  // When the next request may begin; takes the place when that is now.
  Time Take(Time now);

  Clock& clock_;
  const int64_t requests_;
  const Micros per_;
  std::mutex mutex_;
  std::deque<Time> begun_;  // the last `requests_` of them
  Time paused_until_;
};

// How many requests may be sent in all, repetitions too.
class RequestBudget {
 public:
  explicit RequestBudget(int64_t most) : most_(most) {}  // 0: no limit

  // kExhausted when it is used up.
  Status Take();
  int64_t used() const;

 private:
  const int64_t most_;
  mutable std::mutex mutex_;
  int64_t used_ = 0;
};

}  // namespace millrace::http
