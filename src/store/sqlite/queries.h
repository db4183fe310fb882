// What each method of the store does to the database. The caller holds the store's mutex.
#pragma once

#include "store/sqlite/database.h"
#include "store/store.h"

namespace millrace::sqlite {

// Of a task; a continuous one makes 20 a second.
inline constexpr int64_t kKeptCommits = 1000;

// runs.cc
Status CreateRun(Database& db, const RunRecord& run, const std::vector<TaskRecord>& tasks);
Result<RunRecord> GetRun(Database& db, const RunId& id);
Result<std::vector<RunRecord>> Runs(Database& db, std::string_view pipeline, int limit);
Status MoveRun(Database& db, const RunId& id, RunState from, RunState to, Time now,
               std::string_view error);

// tasks.cc
Result<std::vector<TaskRecord>> Tasks(Database& db, const RunId& run);
Status MoveTask(Database& db, const RunId& run, std::string_view task, TaskState from, TaskState to,
                Time now, std::string_view reason, std::string_view hint);
Status UpdateTask(Database& db, const TaskRecord& counts);
Result<std::vector<AttemptRecord>> Attempts(Database& db, const RunId& run, std::string_view task);

// commits.cc
Status PlanCommit(Database& db, const CommitRecord& commit);
Status FinishCommit(Database& db, const CommitId& id, Time now);
Status AbandonCommit(Database& db, const CommitId& id);
Status AdoptCommit(Database& db, const CommitRecord& commit);
Result<std::optional<CommitRecord>> LastCommit(Database& db, std::string_view task);
Result<std::vector<CommitRecord>> Commits(Database& db, const RunId& run);

// records.cc
Status AddCheck(Database& db, const CheckRecord& check);
Result<std::vector<CheckRecord>> Checks(Database& db, const RunId& run);
Status AddMetric(Database& db, const MetricRecord& metric);
Result<std::vector<MetricRecord>> Metrics(Database& db, const RunId& run);
Status SetPaused(Database& db, std::string_view task, bool paused);
Result<std::set<std::string>> PausedTasks(Database& db);
Status SetLineage(Database& db, std::string_view pipeline,
                  const std::vector<LineageRecord>& records);
Result<std::vector<LineageRecord>> Lineage(Database& db);
Status AddOutputs(Database& db, const std::vector<OutputRecord>& outputs);
Result<std::vector<OutputRecord>> Outputs(Database& db, const RunId& run);
Status AddFiles(Database& db, const std::vector<FileRecord>& files);
Result<std::vector<FileRecord>> Files(Database& db, std::string_view task);

}  // namespace millrace::sqlite
