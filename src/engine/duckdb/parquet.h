// Statements that write files, and what DuckDB reports of them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "engine/duckdb/connection.h"
#include "engine/engine.h"

namespace millrace::duck {

std::string CopyToParquet(const std::string& select, const ParquetOptions& options,
                          bool keep_order);
// One file, of rows that are not none, in their order.
std::string CopyToOneParquet(const std::string& select, const ParquetOptions& options);
ParquetFile ToParquetFile(WrittenFile written, const ParquetOptions& options);

// kInvalid for a format or an option that there is not.
Result<std::string> CopyToFile(const std::string& select, const std::string& path,
                               std::string_view format,
                               const std::map<std::string, std::string>& options);

}  // namespace millrace::duck
