// Rows changed in place: data files are never changed, so those that hold such rows are written
// anew without, or with other, rows.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/schema.h"
#include "engine/engine.h"
#include "lake/lake.h"
#include "lake/table_log.h"

namespace millrace {

// New data files of one write, in the table's folder, durable. Nobody sees them before an entry
// names them.
struct StagedFiles {
  std::vector<AddFile> adds;
  int64_t rows = 0, bytes = 0;
};

// Writes the rows of `sql` as data files; `partition_by` and `compression` as in WriteOptions.
struct StageOptions {
  std::vector<std::string> partition_by;
  std::string compression = "zstd";
  int64_t target_file_size = int64_t{256} << 20;
};
Result<StagedFiles> StageRows(TableLog& log, Session& session, const Sql& sql, const Schema& schema,
                              const StageOptions& options, std::stop_token stop);
// Best effort: what stays is vacuum's.
void RemoveStaged(TableLog& log, const std::vector<AddFile>& adds);

struct RewriteRequest {
  Schema schema;  // of the table after the write
  Mode mode =
      Mode::kAppend;  // kMerge and kDeleteInsert put the incoming rows in place of those they meet
  std::vector<std::string> key, order_by;
  std::string deletes;   // a column of `incoming`, true where the row only removes what it meets
  std::string incoming;  // a relation of the session; "" when there are none
  std::vector<std::string> incoming_columns;
  std::vector<std::string> replaced_files;  // rows of these source files go
  std::string gone;         // SQL condition over the table's rows, named t: rows that go
  bool every_file = false;  // types changed
};

struct Rewritten {
  StagedFiles staged;
  std::vector<AddFile> removed;
};

// What the request makes of the files of `base`.
Result<Rewritten> RewriteFiles(TableLog& log, Session& session, const TableState& base,
                               const RewriteRequest& request, const StageOptions& options,
                               std::stop_token stop);

}  // namespace millrace
