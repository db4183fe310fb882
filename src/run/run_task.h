// One task of a run, from its start to its verdict.
#pragma once

#include <stop_token>

#include "run/run_scope.h"
#include "run/scheduler.h"

namespace millrace {

// `attempt` counts from 1 and is what the retry policy looks at. All that happens is in the store,
// the log and the events; `failure` is why it did not succeed.
struct TaskEnd {
  Verdict verdict;
  Status failure;
};
TaskEnd RunTask(RunScope& run, const Task& task, int attempt, std::stop_token stop);
// A continuous task that is drained while nobody, or another process, is at work on it.
TaskEnd LeaveStream(RunScope& run, const Task& task, const std::string& reason);

}  // namespace millrace
