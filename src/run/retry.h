// Which failures are worth another attempt, and when. Only run/ retries.
#pragma once

#include <optional>

#include "base/status.h"
#include "pipeline/pipeline.h"

namespace millrace {

// How long to wait before the attempt after `attempt` (from 1); nullopt: there is none.
std::optional<Micros> RetryAfter(const Task& task, int attempt, const Status& failure);
// The same of a continuous task after so many failures in a row. What may pass is waited for
// without end, unless the task's `retry` says how often.
std::optional<Micros> AgainAfter(const Task& task, int failures, const Status& failure);

}  // namespace millrace
