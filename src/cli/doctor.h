// What `millrace doctor` looks at, and what it finds.
#pragma once

#include <string>
#include <vector>

#include "cli/workspace.h"

namespace millrace {

struct Finding {
  enum class Level { kOk, kWarn, kFail } level = Level::kOk;
  std::string what;    // "lake"
  std::string detail;  // "ext4, 31.2 GB free"
  std::string next;    // the next step; "" when all is well
};

// Memory, clock, processors.
std::vector<Finding> ExamineMachine(Env& env);
// Space, file system, permission to write, fsync and the file's time, for one folder.
std::vector<Finding> ExamineFolder(const std::string& what, const std::string& folder, Env& env);
// Engine and its extensions.
std::vector<Finding> ExamineEngine(Workspace& workspace);
// Tables that cannot be read.
std::vector<Finding> ExamineLake(Workspace& workspace);
// Readable; commits that were planned and never finished; runs whose process is gone.
std::vector<Finding> ExamineStore(Workspace& workspace);

}  // namespace millrace
