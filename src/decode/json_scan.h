// JSON, NDJSON, Parquet and text files → a relation.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "decode/scan.h"

namespace millrace {

using NamedTypes = std::vector<std::pair<std::string, std::string>>;  // DuckDB's types

Result<NamedTypes> SniffJson(Session& session, const std::vector<InputFile>& files,
                             const FormatConfig& format, bool lines, std::stop_token stop);
Result<std::unique_ptr<FileScan>> ScanJson(Session& session, const std::vector<InputFile>& files,
                                           const FormatConfig& format, const NamedTypes& columns,
                                           bool lines, const std::string& scratch,
                                           std::stop_token stop);
Result<std::unique_ptr<FileScan>> ScanParquet(Session& session,
                                              const std::vector<InputFile>& files);
Result<std::unique_ptr<FileScan>> ScanText(Session& session, const std::vector<InputFile>& files,
                                           const FormatConfig& format, const std::string& scratch,
                                           std::stop_token stop);

}  // namespace millrace
