// One write to one table, from rows to log entry.
#pragma once

#include <memory>

#include "base/status.h"
#include "lake/lake.h"
#include "lake/table_log.h"

namespace millrace {

Result<std::unique_ptr<TableWrite>> OpenTableWrite(const TableLog& log,
                                                   const WriteOptions& options);

}  // namespace millrace
