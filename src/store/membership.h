// Several processes at work on one pipeline, and what only one of them may do.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

// Whoever holds it is the only process that does what it stands for. Let go by destruction or the
// death of the process.
class ProcessLock {
 public:
  virtual ~ProcessLock() = default;
};

// This process among those that share the continuous tasks of a pipeline; over with its destruction
// or the death of the process. Any thread; no method waits for another process.
class Membership {
 public:
  virtual ~Membership() = default;

  struct Member {
    int64_t process = 0;
    bool leaves = false;  // it only ends what it has begun
    bool is_this = false;
  };
  // Those that live, in the order in which they came.
  virtual Result<std::vector<Member>> Members() = 0;
  virtual Status Leave() = 0;
  // One member leads: it does what is not shared. nullptr: another one leads.
  virtual Result<std::unique_ptr<ProcessLock>> Lead() = 0;
  // nullptr: another one is at work on the task.
  virtual Result<std::unique_ptr<ProcessLock>> LockTask(std::string_view task) = 0;
};

}  // namespace millrace
