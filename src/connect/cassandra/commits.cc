#include "connect/cassandra/commits.h"

#include <condition_variable>
#include <mutex>

#include "base/text.h"

namespace millrace::cassandra {

namespace {

constexpr const char* kTable = "millrace_commits";
constexpr size_t kMostPosition = size_t{4} << 20;  // bytes: servers refuse longer statements

}  // namespace

Status Patiently(const CassandraRetry& retry, std::stop_token stop,
                 const std::function<Status()>& call) {
  Micros pause = retry.first_pause;
  for (int repeated = 0;; ++repeated) {
    Status status = call();
    if (status.code() != Code::kUnavailable || repeated >= retry.most) return status;
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait_for(lock, stop, pause, [] { return false; });
    if (stop.stop_requested()) return Canceled();
    pause = std::min(pause * 2, retry.longest_pause);
  }
}

std::string Commits::Place() const { return SqlName(table_.keyspace) + "." + kTable; }

// One that a read of the same level must see.
CassandraConsistency Commits::Consistency() const {
  bool everywhere = config_.consistency == CassandraConsistency::kQuorum ||
                    config_.consistency == CassandraConsistency::kEachQuorum ||
                    config_.consistency == CassandraConsistency::kAll;
  return everywhere ? CassandraConsistency::kQuorum : CassandraConsistency::kLocalQuorum;
}

Result<std::optional<CommitRow>> Commits::Last(CassandraSession& session,
                                               std::stop_token stop) const {
  CassandraCells rows;
  Status status = Patiently(RetryOf(config_), stop, [&]() -> Status {
    rows = TRY(session.Query("SELECT sequence, position, table_id, last_timestamp FROM " + Place() +
                                 " WHERE task = " + SqlLiteral(task_) +
                                 " AND target = " + SqlLiteral(table_.table),
                             Consistency(), stop));
    return Status::Ok();
  });
  if (status.code() == Code::kNotFound) return std::optional<CommitRow>();
  TRY(std::move(status));
  if (rows.empty()) return std::optional<CommitRow>();
  auto number = [&](size_t column) { return std::atoll(rows[0][column].value_or("0").c_str()); };
  return std::optional<CommitRow>({.sequence = number(0),
                                   .position = rows[0][1].value_or(""),
                                   .table_id = rows[0][2].value_or(""),
                                   .last_timestamp = number(3)});
}

Status Commits::Prepare(CassandraSession& session, std::stop_token stop) const {
  if (TRY(session.Describe(table_.keyspace, kTable, stop))) return Status::Ok();
  std::string cql = "CREATE TABLE IF NOT EXISTS " + Place() +
                    " (task text, target text, sequence bigint, position text, table_id uuid, "
                    "last_timestamp bigint, committed_at timestamp, PRIMARY KEY (task, target))";
  Status status = session.Execute(cql, CassandraConsistency::kLocalQuorum, stop);
  if (status.code() != Code::kInvalid) return status;
  return Invalid(status.message(), "let somebody who may make tables run: " + cql);
}

Status Commits::Put(CassandraSession& session, const CommitRow& row, Time now,
                    std::stop_token stop) const {
  std::string position = row.position.size() <= kMostPosition ? row.position : "";
  std::string millis = std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  // By the rows' own timestamps, which only grow: whatever the clocks of servers say.
  std::string cql = "INSERT INTO " + Place() +
                    " (task, target, sequence, position, table_id, last_timestamp, committed_at) "
                    "VALUES (" +
                    Join({SqlLiteral(task_), SqlLiteral(table_.table), std::to_string(row.sequence),
                          SqlLiteral(position), row.table_id, std::to_string(row.last_timestamp),
                          millis},
                         ", ") +
                    ") USING TIMESTAMP " + std::to_string(row.last_timestamp);
  return Patiently(RetryOf(config_), stop, [&]() -> Status {
    Status status = session.Execute(cql, Consistency(), stop);
    // Another task made the table just now: it is listed a moment before it can be written.
    if (status.code() == Code::kNotFound) return {Code::kUnavailable, status.message()};
    return status;
  });
}

}  // namespace millrace::cassandra
