// From what the engine tells of a Parquet file that it wrote to the log's `add` action.
#pragma once

#include <string>

#include "base/status.h"
#include "base/time.h"
#include "data/schema.h"
#include "engine/engine.h"
#include "lake/log_entry.h"

namespace millrace {

// `folder` is the table's URI: the file must lie below it. Partition values are spelled as the
// protocol asks.
Result<AddFile> ToAddFile(const ParquetFile& file, const std::string& folder, const Schema& schema,
                          Time now);

// numRecords, minValues, maxValues, nullCount of the first columns, as JSON. Bounds that a reader
// could take wrongly (NaN, infinity, cut strings) are left out.
std::string StatsJson(const ParquetFile& file, const Schema& schema);

}  // namespace millrace
