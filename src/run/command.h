// The escape hatch: a program of the user's as a task.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "run/task_log.h"

namespace millrace {

struct TaskCommand {
  std::vector<std::string> arguments;              // the program first; looked up in PATH
  std::map<std::string, std::string> environment;  // on top of ours
  std::string folder;                              // where it runs
};

// Runs to the end; what it prints goes to the log. It and all it started in its process group are
// asked to end (SIGTERM) when stop is requested, and killed after most of a second. A status other
// than 0 is kInvalid, with the last line it printed.
Status RunCommand(const TaskCommand& command, TaskLog& log, std::stop_token stop);

}  // namespace millrace
