#include "base/env.h"

#include <condition_variable>
#include <mutex>

namespace millrace {

namespace {

class MachineClock final : public Clock {
 public:
  Time Now() override { return std::chrono::floor<Micros>(std::chrono::system_clock::now()); }
  Status Sleep(Micros duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, duration, [] { return false; });
    return stop.stop_requested() ? Canceled() : Status::Ok();
  }
};

}  // namespace

Clock& SystemClock() {
  static MachineClock clock;
  return clock;
}

}  // namespace millrace
