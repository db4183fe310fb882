// A stop that comes by itself when a task's time is over.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/time.h"
#include "pipeline/pipeline.h"

namespace millrace {

inline Status TookTooLong(const Task& task) {
  return {Code::kUnavailable, "it took longer than " + FormatDuration(*task.timeout),
          "raise its `timeout`"};
}

class Deadline {
 public:
  // Also stops when `parent` does. Without a time-out it costs nothing.
  Deadline(std::optional<Micros> timeout, std::stop_token parent)
      : pass_on_(parent, [this] { source_.request_stop(); }) {
    if (timeout)
      watch_ = std::jthread([this, timeout](std::stop_token ended) { Watch(*timeout, ended); });
  }

  std::stop_token token() const { return source_.get_token(); }
  bool expired() const { return expired_; }

 private:
  void Watch(Micros timeout, std::stop_token ended) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, ended, timeout, [] { return false; });
    if (ended.stop_requested()) return;
    expired_ = true;
    source_.request_stop();
  }

  std::stop_source source_;
  std::stop_callback<std::function<void()>> pass_on_;
  std::atomic<bool> expired_ = false;
  std::jthread watch_;
};

}  // namespace millrace
