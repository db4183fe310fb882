#include "cli/work_line.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "cli/words.h"

namespace millrace {

WorkLine::WorkLine(Invocation& invocation, std::string what, const std::atomic<int64_t>& bytes,
                   const std::atomic<int64_t>* total)
    : terminal_(invocation.terminal), what_(std::move(what)), bytes_(bytes), total_(total) {
  if (!terminal_.interactive() || invocation.options.quiet) return;
  painter_ = std::jthread([this](std::stop_token stop) { Paint(stop); });
}

WorkLine::~WorkLine() {
  painter_ = {};
  if (painted_) terminal_.Print("\r\033[K");
}

void WorkLine::Paint(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any due;
  std::unique_lock lock(mutex);
  auto begun = std::chrono::steady_clock::now();
  due.wait_for(lock, stop, std::chrono::seconds(2), [] { return false; });
  while (!stop.stop_requested()) {
    std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    int64_t bytes = bytes_.load(), total = total_ ? total_->load() : -1;
    double rate = static_cast<double>(bytes) / passed.count();
    std::string line = what_ + "  " + FormatBytes(bytes) +
                       (total > 0 ? " of " + FormatBytes(total) : "") + "  " +
                       FormatBytes(static_cast<int64_t>(rate)) + "/s";
    if (total > bytes && rate > 0) {
      auto left = static_cast<int64_t>(static_cast<double>(total - bytes) / rate) + 1;
      line += "  " + FormatDuration(std::chrono::seconds(left)) + " left";
    }
    terminal_.Print("\r\033[K" + FitWidth(line, terminal_.width()));
    painted_ = true;
    due.wait_for(lock, stop, std::chrono::milliseconds(200), [] { return false; });
  }
}

}  // namespace millrace
