// A task's rows as its SQL gives them now: its sources are read, nothing is written.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/statement.h"
#include "connect/source.h"

namespace millrace {

struct TaskPreview {
  std::unique_ptr<ConnectContext> connect;
  std::vector<std::unique_ptr<Source>> sources;  // read while the statement runs
  Statement statement;                           // goes first: declared last
};

// kNotFound suggests the task that may be meant.
Result<TaskPreview> OpenTaskPreview(Workspace& workspace, const std::string& task,
                                    const std::string& pipeline,
                                    const std::vector<std::string>& params);

}  // namespace millrace
