// Rows that a table does not take, as a relation for the rejects: the columns of the rows, _rule
// and _reason.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/rows.h"
#include "engine/engine.h"
#include "net/cassandra/cassandra.h"

namespace millrace::cassandra {

class MisfitRows {
 public:
  explicit MisfitRows(Session& session);

  // Some rows of `batch`. Memory is bounded: the engine keeps them.
  Status Add(const Rows& batch, const std::vector<CassandraMisfit>& misfits, std::stop_token stop);
  // nullopt: there are none.
  Result<std::optional<Sql>> Finish(std::stop_token stop);
  int64_t count() const { return count_; }

 private:
  Status Keep(std::stop_token stop);

  Session& session_;
  const std::string prefix_;  // of the names of the session's tables
  std::vector<Rows> pending_;
  std::vector<std::string> kept_;
  int64_t count_ = 0;
};

}  // namespace millrace::cassandra
