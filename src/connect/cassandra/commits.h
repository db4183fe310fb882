// What a keyspace remembers of the tasks that wrote into it: the small table millrace_commits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "connect/cassandra/config.h"
#include "net/cassandra/cassandra.h"

namespace millrace::cassandra {

struct CommitRow {
  int64_t sequence = 0;
  std::string position;
  std::string table_id;        // of the table that was written
  int64_t last_timestamp = 0;  // the greatest that a row got, in microseconds
};

// Calls until it succeeds, fails for good, or `retry` is used up.
Status Patiently(const CassandraRetry& retry, std::stop_token stop,
                 const std::function<Status()>& call);

class Commits {
 public:
  Commits(const SinkConfig& config, TableName table, std::string task)
      : config_(config), table_(std::move(table)), task_(std::move(task)) {}

  // nullopt: none, or no such table yet.
  Result<std::optional<CommitRow>> Last(CassandraSession& session, std::stop_token stop) const;
  // Makes the table where it is missing.
  Status Prepare(CassandraSession& session, std::stop_token stop) const;
  // Replaces what is there; twice is as good as once.
  Status Put(CassandraSession& session, const CommitRow& row, Time now, std::stop_token stop) const;

 private:
  std::string Place() const;
  CassandraConsistency Consistency() const;

  const SinkConfig& config_;
  const TableName table_;
  const std::string task_;
};

}  // namespace millrace::cassandra
