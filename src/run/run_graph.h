// The tasks of one run and what each waits for.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace millrace {

struct GraphTask {
  const Task* task = nullptr;    // of the pipeline, which lives longer
  std::vector<size_t> upstream;  // indexes into the graph; who is not in it is not waited for
  TaskState state = TaskState::kPending;
};

// The tasks named, by name ("bronze": all of a matrix), by "bronze[table=x]" or by key; none named:
// all.
Result<std::vector<GraphTask>> ChooseTasks(const Pipeline& pipeline,
                                           const std::vector<std::string>& names);
// The tasks of an earlier run, in the states they are in. kInvalid when the pipeline lost one of
// them.
Result<std::vector<GraphTask>> GraphOf(const Pipeline& pipeline,
                                       const std::vector<TaskRecord>& tasks);
std::vector<TaskRecord> RecordsOf(const RunId& run, const std::vector<GraphTask>& graph);
// kInvalid where a full refresh of one task would remove the rows of another: they write to one
// table.
Status CheckRefreshable(const Pipeline& pipeline, const std::vector<GraphTask>& graph);

}  // namespace millrace
