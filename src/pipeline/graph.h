// Which task waits for which.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "pipeline/pipeline.h"

namespace millrace {

// Fills in `upstream` from `after` and from who writes what a task reads, tells cycles with their
// whole path and tables that several tasks would replace, and puts the tasks in an order in which
// each comes after its upstream. May be called again when more is known of what tasks read.
void BuildGraph(Pipeline& pipeline, Diagnostics& diagnostics);

// Tables and landings that a task reads: `reads`, and what its inputs name.
std::vector<std::string> AllReads(const Task& task);

}  // namespace millrace
