#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace {

Status ForEachAtOnce(size_t count, size_t at_once,
                     const std::function<Status(size_t, std::stop_token)>& work,
                     std::stop_token stop) {
  std::stop_source failed;
  std::stop_callback pass_on(stop, [&] { failed.request_stop(); });
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  Status first;
  auto run = [&] {
    for (size_t i = next++; i < count && !failed.stop_requested(); i = next++) {
      Status status = work(i, failed.get_token());
      if (status.ok()) continue;
      std::lock_guard lock(mutex);
      if (!failed.stop_requested()) first = std::move(status);
      failed.request_stop();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < std::min(count, at_once); ++i) threads.emplace_back(run);
    run();
  }
  return stop.stop_requested() && first.ok() ? Canceled() : first;
}

}  // namespace millrace
