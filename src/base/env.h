// The doors to the machine that a test wants to own. Passed in, never reached for.
#pragma once

#include <stop_token>

#include "base/status.h"
#include "base/time.h"

namespace millrace {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() = 0;
  // Returns early, with kCanceled, when stop is requested.
  virtual Status Sleep(Micros duration, std::stop_token stop) = 0;
};

Clock& SystemClock();

struct Env {
  Clock& clock;
};

}  // namespace millrace
