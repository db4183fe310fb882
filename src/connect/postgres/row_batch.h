// Rows being built of what PostgreSQL sends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connect/postgres/types.h"
#include "data/rows.h"

namespace millrace::postgres {

struct SourceColumn {
  std::string name;
  PgType type;
};

class RowBatch {
 public:
  // The columns outlive it.
  explicit RowBatch(const std::vector<SourceColumn>& columns);
  ~RowBatch();

  // A row of a binary COPY: a count, and each field with its length before it. kRejected names the
  // column of a value that the lake cannot hold.
  Status AppendCopyRow(std::string_view row);
  // A row as texts, nullopt for a null.
  Status AppendTextRow(const std::vector<std::optional<std::string_view>>& row);

  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }  // as they came
  // What was built; begins anew.
  Result<Rows> Take();

 private:
  struct State;
  Status Start();
  Status Wrong(size_t column, const char* why) const;

  const std::vector<SourceColumn>& columns_;
  std::unique_ptr<State> state_;
  int64_t rows_ = 0, bytes_ = 0;
};

}  // namespace millrace::postgres
