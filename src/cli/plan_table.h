// What `plan` and `run --dry-run` share.
#pragma once

#include <string>
#include <vector>

#include "cli/workspace.h"
#include "run/run.h"

namespace millrace {

// "name=value" parameters and dates, as typed. kInvalid names the option.
Result<RunOptions> ParseRunOptions(const std::vector<std::string>& tasks,
                                   const std::vector<std::string>& params,
                                   const std::string& logical_date);
Result<int> PrintPlan(Workspace& workspace, const std::string& pipeline, const RunOptions& options);

}  // namespace millrace
