#include "cli/words.h"

#include <errno.h>
#include <signal.h>

namespace millrace {

std::string_view Mark(TaskState state) {
  switch (state) {
    case TaskState::kPending: return "·";
    case TaskState::kRunning: return "▶";
    case TaskState::kSucceeded: return "✓";
    case TaskState::kSkipped: return "–";
    case TaskState::kFailed: return "✗";
    case TaskState::kUpstreamFailed: return "–";
    case TaskState::kCanceled: return "–";
  }
  return "?";
}

std::string_view Mark(RunState state) {
  switch (state) {
    case RunState::kRunning: return "▶";
    case RunState::kSucceeded: return "✓";
    case RunState::kFailed: return "✗";
    case RunState::kCanceled: return "–";
  }
  return "?";
}

std::string_view Word(TaskState state) {
  switch (state) {
    case TaskState::kPending: return "waits";
    case TaskState::kRunning: return "running";
    case TaskState::kSucceeded: return "done";
    case TaskState::kSkipped: return "skipped";
    case TaskState::kFailed: return "failed";
    case TaskState::kUpstreamFailed: return "not run";
    case TaskState::kCanceled: return "stopped";
  }
  return "";
}

Style StyleOf(TaskState state) {
  switch (state) {
    case TaskState::kPending: return Style::kDim;
    case TaskState::kRunning: return Style::kBlue;
    case TaskState::kSucceeded: return Style::kGreen;
    case TaskState::kSkipped: return Style::kDim;
    case TaskState::kFailed: return Style::kRed;
    case TaskState::kUpstreamFailed: return Style::kYellow;
    case TaskState::kCanceled: return Style::kYellow;
  }
  return Style::kPlain;
}

Style StyleOf(RunState state) {
  switch (state) {
    case RunState::kRunning: return Style::kBlue;
    case RunState::kSucceeded: return Style::kGreen;
    case RunState::kFailed: return Style::kRed;
    case RunState::kCanceled: return Style::kYellow;
  }
  return Style::kPlain;
}

std::string ShortTask(std::string_view key) {
  size_t slash = key.find('/');
  return std::string(slash == std::string_view::npos ? key : key.substr(slash + 1));
}

std::string Counted(int64_t count, std::string_view one) {
  return FormatCount(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

std::string ShortTime(Time time) {
  std::string text = FormatTime(time).substr(0, 19);
  text[10] = ' ';
  return text;
}

std::string OnRun(std::string_view command, const RunId& run) {
  return "millrace " + std::string(command) + " " + run;
}

bool WasKilled(const RunRecord& run) {
  if (run.state != RunState::kRunning || run.process <= 0) return false;
  return kill(static_cast<pid_t>(run.process), 0) != 0 && errno == ESRCH;
}

}  // namespace millrace
