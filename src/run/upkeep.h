// What is done for a lake after a run: what its retention lets go, goes.
#pragma once

#include <stop_token>

#include "run/run_scope.h"

namespace millrace {

// Small files of the tables that continuous tasks write become large ones, where there are many.
void CompactStreamed(RunScope& run, std::stop_token stop);

// To the system. For who runs for months.
void ReturnFreeMemory();

// Once a day a pipeline. A failure is told as a warning: the rows of the run are there.
void KeepUp(RunScope& run, std::stop_token stop);

}  // namespace millrace
