// Changes as logical replication sends them → rows: the table's columns, and what happened.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connect/postgres/change_stream.h"
#include "connect/postgres/row_batch.h"

namespace millrace::postgres {

// _op _lsn _seq _commit_time _unchanged, behind the table's.
std::vector<SourceColumn> ChangeColumns();

class ChangeRows {
 public:
  // `columns`: the table's, then ChangeColumns(). `key`: of its primary key. Both outlive it.
  ChangeRows(const std::vector<SourceColumn>& columns, const std::vector<std::string>& key)
      : columns_(columns), key_(key), batch_(columns) {}

  // The messages of the stream in order. A Relation says what the fields of later changes are.
  Status Append(const StreamItem& item);
  RowBatch& batch() { return batch_; }

 private:
  using Row = std::vector<std::optional<std::string_view>>;
  Status Relate(std::string_view message);
  // Puts the values of the tuple where they belong; names those that it leaves out.
  void Fill(const Tuple& tuple, const Tuple* before, Row& row,
            std::vector<std::string>& unchanged) const;
  bool MovesKey(const Change& change) const;
  Status Emit(const StreamItem& item, std::string_view op, const Tuple* tuple, const Tuple* before);

  const std::vector<SourceColumn>& columns_;
  const std::vector<std::string>& key_;
  RowBatch batch_;
  std::vector<int> places_;  // of each field of the relation: a column, or -1
  std::vector<std::string> names_;
  Lsn commit_ = 0;
  int64_t sequence_ = 0;  // within the transaction
};

}  // namespace millrace::postgres
