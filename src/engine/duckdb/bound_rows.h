// Rows of our process as a table function of DuckDB: millrace_rows(id).
//
// Not duckdb_arrow_scan: its stream gets neither the projection nor the filter that DuckDB believes
// it has applied, and an error of the reader would come back as text only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "data/rows.h"

struct _duckdb_connection;

namespace millrace::duck {

// The rows that sessions have bound. Outlives the database: the function points into it.
class BoundRows {
 public:
  static constexpr const char* kFunction = "millrace_rows";

  // Adds the table function to the engine.
  Status Register(_duckdb_connection* connection);

  // Reads the first batch, whose schema is that of all. kInvalid when there is no batch: nothing is
  // known then.
  Result<int64_t> Add(std::unique_ptr<RowReader> rows, std::stop_token stop);
  // The rows of `newer` take the place of `id`'s: what is defined over `id` reads them, and `newer`
  // is gone. False, and nothing is done, when they have other columns.
  bool Renew(int64_t id, int64_t newer);
  void Remove(int64_t id);
  // All rows of `id` as they are: what the engine would give for SELECT *, without its copies.
  // Null when it would give them otherwise, or they were read.
  std::unique_ptr<RowReader> Unchanged(int64_t id);
  // Why reading `id` failed, in the reader's own words; ok when it did not.
  Status Failure(int64_t id);

  struct Entry;
  std::shared_ptr<Entry> Find(int64_t id);

 private:
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<Entry>> entries_;
  int64_t next_ = 1;
};

}  // namespace millrace::duck
