// A bounded queue between two threads: memory is limited by its capacity.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace millrace {

template <class T>
class Channel {
 public:
  explicit Channel(size_t capacity) : capacity_(capacity) {}

  // Waits for room. False when it was closed or stop was requested: the value was not taken.
  bool Push(T value, std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    bool room = changed_.wait(lock, stop, [&] { return closed_ || queue_.size() < capacity_; });
    if (!room || closed_) return false;
    queue_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }

  // Waits for a value. nullopt when the channel is closed and empty, or stop was requested.
  std::optional<T> Pop(std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    bool ready = changed_.wait(lock, stop, [&] { return closed_ || !queue_.empty(); });
    if (!ready || queue_.empty()) return std::nullopt;
    T value = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    return value;
  }

  // No more values will come; what is queued can still be taken.
  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> queue_;
  bool closed_ = false;
};

}  // namespace millrace
