// Waiting that ends with a stop.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/time.h"

namespace millrace {

inline void WaitUntil(Time due, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_until(lock, stop, due, [] { return false; });
}

// Until either is requested.
inline void WaitFor(std::stop_token one, std::stop_token other) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::stop_callback notify(other, [&] {
    std::lock_guard lock(mutex);
    wake.notify_all();
  });
  std::unique_lock lock(mutex);
  wake.wait(lock, one, [&] { return other.stop_requested(); });
}

}  // namespace millrace
