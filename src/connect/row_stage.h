// A table as it was read, kept on disk until the commit that takes it is finished: a table has no
// log, and a second look would show other rows.
//
//   <folder>/<uuid>/rows…parquet    the rows
//   <folder>/<uuid>/head.json       written last: what has one is whole
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "data/rows.h"
#include "data/schema.h"
#include "engine/engine.h"

namespace millrace {

struct RowStageHead {
  std::string run;
  std::string position;  // tells whether two reads gave the same rows
  int64_t rows = 0, bytes = 0;
  Time made;
  Schema schema;
  std::vector<std::string> files;  // relative to the stage
};

struct RowStage {
  std::string folder;
  RowStageHead head;
};

// Writes `rows` below `folder`; `position` is asked for when all of them are read.
Result<RowStage> WriteRowStage(const std::string& folder, const std::string& run, Engine& engine,
                               std::unique_ptr<RowReader> rows,
                               const std::function<std::string()>& position, Time now,
                               std::stop_token stop);
// The whole ones, the newest first.
std::vector<RowStage> FindRowStages(const std::string& folder);
// All but the newest of them, and what a killed process left.
Status KeepNewestStages(const std::string& folder, size_t count);
// The rows as the engine reads them.
Sql ReadRowStage(const RowStage& stage);

}  // namespace millrace
