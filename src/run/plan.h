// What would run, and why: the decisions of a run, without one.
#pragma once

#include <stop_token>
#include <vector>

#include "run/run_graph.h"
#include "run/run_scope.h"

namespace millrace {

Result<std::vector<TaskPlan>> PlanTasks(RunScope& run, const std::vector<GraphTask>& graph,
                                        std::stop_token stop);

}  // namespace millrace
