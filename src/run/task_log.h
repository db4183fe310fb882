// What a task says while it runs: .millrace/runs/<run>/<task>.log, bounded in size.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/env.h"
#include "pipeline/project.h"
#include "store/store.h"

namespace millrace {

constexpr int64_t kMaxTaskLogBytes = 10 << 20;  // what comes later is left out, and the log says so

// Thread-safe. A log that cannot be written never fails a task.
class TaskLog {
 public:
  // Appends: every attempt of a task writes to one log. The folder is made. `secrets` are masked;
  // they outlive the log.
  TaskLog(Clock& clock, const std::string& path, int64_t max_bytes = kMaxTaskLogBytes,
          const std::map<std::string, Secret>* secrets = nullptr);
  ~TaskLog();
  TaskLog(const TaskLog&) = delete;

  // One line, with the time.
  void Line(std::string_view text);
  // Output of a command, as it is.
  void Raw(std::string_view bytes);

 private:
  void Append(std::string_view bytes);

  Clock& clock_;
  const std::map<std::string, Secret>* secrets_;
  std::mutex mutex_;
  int file_ = -1;
  int64_t room_ = 0;
};

}  // namespace millrace
