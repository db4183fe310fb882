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

Micros Delay(const RetryPolicy& policy, int attempt) {
  Micros delay = policy.delay;
  if (policy.backoff == RetryPolicy::Backoff::kExponential) {
    for (int i = 1; i < attempt && delay < policy.max_delay; ++i) delay *= 2;
  }
  return std::min(delay, policy.max_delay);
}

}  // namespace

std::optional<Micros> RetryAfter(const Task& task, int attempt, const Status& failure) {
  // A command tells only that it failed, not why.
  bool command_failed = !task.command.empty() && failure.code() != Code::kCanceled;
  if (attempt >= task.retry.attempts || !(MayPass(failure.code()) || command_failed))
    return std::nullopt;
  return Delay(task.retry, attempt);
}

std::optional<Micros> AgainAfter(const Task& task, int failures, const Status& failure) {
  // What others make may come yet: a table, a topic.
  if (!MayPass(failure.code()) && failure.code() != Code::kNotFound) return std::nullopt;
  bool limited = task.retry.attempts > 1;
  if (limited && failures >= task.retry.attempts) return std::nullopt;
  if (limited) return Delay(task.retry, failures);
  return Delay({.delay = std::chrono::seconds(1), .max_delay = std::chrono::seconds(15)}, failures);
}

}  // namespace millrace
