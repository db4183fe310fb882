#include "store/store.h"

namespace millrace {

std::string_view Name(RunState state) {
  switch (state) {
    case RunState::kRunning: return "running";
    case RunState::kSucceeded: return "succeeded";
    case RunState::kFailed: return "failed";
    case RunState::kCanceled: return "canceled";
  }
  return "unknown";
}

std::string_view Name(TaskState state) {
  switch (state) {
    case TaskState::kPending: return "pending";
    case TaskState::kRunning: return "running";
    case TaskState::kSucceeded: return "succeeded";
    case TaskState::kSkipped: return "skipped";
    case TaskState::kFailed: return "failed";
    case TaskState::kUpstreamFailed: return "upstream_failed";
    case TaskState::kCanceled: return "canceled";
  }
  return "unknown";
}

bool IsFinal(TaskState state) {
  return state != TaskState::kPending && state != TaskState::kRunning;
}

}  // namespace millrace
