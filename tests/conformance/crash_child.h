// A second process that writes and is killed on the way: this program, started anew.
#pragma once

#include <string>
#include <vector>

#include "conformance/suite.h"

namespace millrace::conformance {

// Not a failpoint: all is written and nothing committed.
inline constexpr const char* kBeforeCommit = "before the commit";

// Commits 4..6 as the task's second commit, in a process that is killed at the failpoint
// ("name@n"). False when it was not.
bool DieWriting(World& world, const SinkKind& kind, const std::string& task,
                const std::string& point);
// All failpoints that such a commit meets, each with its count: "landing.put.after@1". Makes the
// commit in a world of its own.
std::vector<std::string> FailpointsOf(World& world, const SinkKind& kind, const std::string& task);

// The child's side: the exit code when these are its arguments, -1 otherwise.
int RunCrashChild(int count, char** arguments);

}  // namespace millrace::conformance
