// Data files as a relation of an engine.
#pragma once

#include <string>
#include <vector>

#include "data/schema.h"
#include "engine/engine.h"
#include "lake/lake.h"

namespace millrace {

// A SELECT over the files with exactly the schema's columns, types and order: columns that a file
// lacks are null, partition values come from the log. With `file_column`, one more column holds
// each row's file as `uris` has it. `folder` is the table's URI.
Sql ScanFiles(const std::vector<DataFile>& files, const Schema& schema,
              const std::vector<std::string>& partition_by, const std::string& folder,
              const std::string& file_column = "");

// What the file column holds for this file.
std::string FileUri(const DataFile& file, const std::string& folder);

}  // namespace millrace
