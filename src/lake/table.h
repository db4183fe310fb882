// A Delta table of the lake: where log, scan, write and upkeep come together.
#pragma once

#include <memory>

#include "lake/lake.h"
#include "lake/table_log.h"

namespace millrace {

std::unique_ptr<Table> MakeDeltaTable(const LogContext& context, const TableName& name);

}  // namespace millrace
