// Which files the sink of files put in a folder of this machine, by commit: as it remembers them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/status.h"

namespace millrace::file {

// Absolute, sorted; of these commits of the task, the last to each of its paths in the folder.
Result<std::vector<std::string>> CommittedFiles(const std::string& folder, const std::string& task,
                                                const std::set<int64_t>& sequences);

}  // namespace millrace::file
