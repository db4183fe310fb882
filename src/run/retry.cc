#include "run/retry.h"

#include <algorithm>

namespace millrace {

namespace {

bool MayPass(Code code) {
  switch (code) {
    case Code::kUnavailable:  // the other side may come back
    case Code::kConflict:     // the next attempt reads again
    case Code::kExhausted:    // disk and memory may be freed
      return true;
    case Code::kOk:
    case Code::kInvalid:
    case Code::kNotFound:
    case Code::kRejected:
    case Code::kQuality:
    case Code::kCanceled:
    case Code::kInternal: return false;
  }
  return false;
}

}  // namespace

std::optional<Micros> RetryAfter(const Task& task, int attempt, const Status& failure) {
  // A command tells only that it failed, not why.
  bool command_failed = !task.command.empty() && failure.code() != Code::kCanceled;
  if (attempt >= task.retry.attempts || !(MayPass(failure.code()) || command_failed))
    return std::nullopt;
  Micros delay = task.retry.delay;
  if (task.retry.backoff == RetryPolicy::Backoff::kExponential) {
    for (int i = 1; i < attempt && delay < task.retry.max_delay; ++i) delay *= 2;
  }
  return std::min(delay, task.retry.max_delay);
}

}  // namespace millrace
