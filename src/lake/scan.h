// Data files as a relation of an engine.
#pragma once

#include <string>
#include <vector>

#include "base/storage.h"
#include "data/schema.h"
#include "engine/engine.h"
#include "lake/engine_reach.h"
#include "lake/lake.h"

namespace millrace {

// A table's folder in a storage, for the URIs of its files.
struct TableFolder {
  const Storage& storage;
  std::string path;
};

// A SELECT over the files with exactly the schema's columns, types and order: columns that a file
// lacks are null, partition values come from the log. With `file_column`, one more column holds
// each row's file as FileUri spells it.
Sql ScanFiles(const std::vector<DataFile>& files, const Schema& schema,
              const std::vector<std::string>& partition_by, const TableFolder& folder,
              const std::string& file_column = "");

// Before the engine reads these files: what is on this machine needs nothing.
Status Reach(EngineReach& reach, const std::vector<DataFile>& files, const TableFolder& folder);

// Where the engine reads the file.
std::string FileUri(const DataFile& file, const TableFolder& folder);

}  // namespace millrace
