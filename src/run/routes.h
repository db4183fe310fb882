// `to:` as a list: which rows go to which target.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "pipeline/pipeline.h"

namespace millrace {

// The rows of `rows` for the target at `index`. A target takes all rows for which its `when` is
// true, all rows when it has none; `otherwise` takes those that no `when` of the list took.
Sql RowsFor(const std::vector<Target>& targets, size_t index, const Sql& rows,
            const RunValues& values);

}  // namespace millrace
