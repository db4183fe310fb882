// What keeps a table in order: going back, making few files of many, removing rows and files
// that nobody needs.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/status.h"
#include "engine/engine.h"
#include "lake/lake.h"
#include "lake/table_log.h"

namespace millrace {

Result<int64_t> RestoreTable(TableLog& log, const AsOf& as_of, Time now);
Result<int64_t> CompactTable(TableLog& log, Session& session, const CompactOptions& options,
                             Time now, std::stop_token stop);
// How many rows went.
Result<int64_t> DeleteOlderRows(TableLog& log, Session& session, const std::string& column,
                                Time before, Time now, std::stop_token stop);
Result<VacuumResult> VacuumTable(TableLog& log, Micros retention, bool dry_run, Time now);

}  // namespace millrace
