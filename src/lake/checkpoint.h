// Checkpoints: a table's state in Parquet, read and written by the engine.
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md#checkpoints
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "lake/log_entry.h"
#include "lake/table_log.h"
#include "lake/table_state.h"

namespace millrace {

// All files of one checkpoint, and the sidecars they name. Paths are relative to the storage.
Status ReadCheckpointFiles(const LogContext& context, const std::string& folder,
                           const std::vector<std::string>& files, LogEntry& into);

// A classic checkpoint in one file, then the hint _last_checkpoint. Tombstones that no vacuum asks
// for any more are left out.
Status WriteCheckpointFile(const LogContext& context, const std::string& folder,
                           const TableState& state);

}  // namespace millrace
