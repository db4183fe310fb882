// How facts of runs are worded, in every command alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/terminal.h"
#include "store/store.h"

namespace millrace {

// "✓" done, "✗" failed, "–" not run…
std::string_view Mark(TaskState state);
std::string_view Mark(RunState state);
// "done" "failed" "not run"…: for people; Name() is for programs.
std::string_view Word(TaskState state);
Style StyleOf(TaskState state);
Style StyleOf(RunState state);

// The name of a task within its pipeline: "bronze[flights]" of "flights/bronze[flights]".
std::string ShortTask(std::string_view key);
// "1 task", "2 tasks", "1,234 rows".
std::string Counted(int64_t count, std::string_view one);
// "2026-11-21 06:50:52": UTC, to the second.
std::string ShortTime(Time time);
// What the user types to do something with this run: "millrace show 2026…".
std::string OnRun(std::string_view command, const RunId& run);
// A run that says it is running though its process is gone.
bool WasKilled(const RunRecord& run);

}  // namespace millrace
