// What was planned, run and committed. The only owner of run state; the scheduler keeps none.
//
// Thread-safe. All of a method's effects are durable when it returns ok, or none happened.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "data/rows.h"

namespace millrace {

enum class RunState { kRunning, kSucceeded, kFailed, kCanceled };
enum class TaskState {
  kPending,         // waits for others
  kRunning,
  kSucceeded,
  kSkipped,         // nothing changed
  kFailed,
  kUpstreamFailed,  // not tried: one it depends on failed
  kCanceled,
};
std::string_view Name(RunState state);
std::string_view Name(TaskState state);
bool IsFinal(TaskState state);

using RunId = std::string;  // sortable by time: "20261121T065052-1f3a9c"

struct RunRecord {
  RunId id;
  std::string pipeline;
  std::string pipeline_file;                   // as given
  RunState state = RunState::kRunning;
  Time started, logical_date, interval_start, interval_end;
  std::optional<Time> ended;
  std::map<std::string, std::string> params;
  std::string error;                           // first failure, one line
  int64_t process = 0;                         // pid of the owner, to notice one that died
};

struct TaskRecord {
  RunId run;
  std::string task;                            // the key: name and matrix values
  std::vector<std::string> after;              // keys of the tasks it waits for
  TaskState state = TaskState::kPending;
  int attempt = 0;                             // attempts begun
  std::optional<Time> started, ended;
  std::string reason;                          // why it was skipped or failed
  std::string hint;
  // Filled in as it goes:
  int64_t rows_in = 0, rows_out = 0, rows_rejected = 0, bytes_in = 0, bytes_out = 0;
};

struct AttemptRecord {
  RunId run;
  std::string task;
  int attempt = 1;
  Time started;
  std::optional<Time> ended;
  std::string error;
};

struct CheckRecord {
  RunId run;
  std::string task, check, severity, on_fail;
  bool passed = true;
  int64_t failed_rows = 0;
  std::string detail;                          // "carrier: 3 nulls in 336,776 rows"
};

// A commit: planned before the first sink is told, finished after the last.
struct CommitRecord {
  CommitId id;
  RunId run;
  std::map<std::string, Position> begin, end;  // by input name; begin lacks inputs read from the start
  Time now;                                    // what the task sees as the present, fixed for replays
  std::string definition;                      // hash of the task's definition
  bool finished = false;
};

struct LineageRecord {
  std::string pipeline, task, table;
  bool written = false;                        // else read
};

struct FileRecord {                            // a file that was taken, as it was then
  std::string task, input, path;
  int64_t size = 0;                            // bytes
  Time modified;
  std::string sha256;
  RunId run;
};

struct MetricRecord {
  RunId run;
  std::string task, name;
  double value = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // A run with all its tasks, in kPending.
  virtual Status CreateRun(const RunRecord& run, const std::vector<TaskRecord>& tasks) = 0;
  virtual Result<RunRecord> GetRun(const RunId& id) = 0;                       // kNotFound
  virtual Result<std::vector<RunRecord>> Runs(std::string_view pipeline, int limit) = 0;  // newest first; "" = all
  // Running → final, or final → running (resume). kConflict when it is not in `from`.
  virtual Status MoveRun(const RunId& id, RunState from, RunState to, Time now, std::string_view error) = 0;

  virtual Result<std::vector<TaskRecord>> Tasks(const RunId& run) = 0;         // in order of creation
  // Compare-and-set. kConflict when it is not in `from`. To kRunning begins an attempt; away from it ends that.
  virtual Status MoveTask(const RunId& run, std::string_view task, TaskState from, TaskState to, Time now,
                          std::string_view reason = "", std::string_view hint = "") = 0;
  virtual Status UpdateTask(const TaskRecord& counts) = 0;                     // rows and bytes only
  virtual Result<std::vector<AttemptRecord>> Attempts(const RunId& run, std::string_view task) = 0;

  // The protocol: PlanCommit → every Sink::Commit → FinishCommit.
  virtual Status PlanCommit(const CommitRecord& commit) = 0;                   // kConflict unless it is last + 1
  virtual Status FinishCommit(const CommitId& id, Time now) = 0;               // twice is once
  // Only for a plan that no sink has: the source cannot replay it any more.
  virtual Status AbandonCommit(const CommitId& id) = 0;
  // The newest commit of a task: planned (then it is to be completed) or finished; nullopt: none yet.
  virtual Result<std::optional<CommitRecord>> LastCommit(std::string_view task) = 0;
  // Forget a task's commits' positions (the next run reads from the start); sequence numbers go on.
  virtual Status ResetPositions(std::string_view task) = 0;
  virtual Result<std::vector<CommitRecord>> Commits(const RunId& run) = 0;

  virtual Status AddCheck(const CheckRecord& check) = 0;
  virtual Result<std::vector<CheckRecord>> Checks(const RunId& run) = 0;
  virtual Status AddMetric(const MetricRecord& metric) = 0;
  virtual Result<std::vector<MetricRecord>> Metrics(const RunId& run) = 0;
  virtual Status SetLineage(std::string_view pipeline, const std::vector<LineageRecord>& records) = 0;
  virtual Result<std::vector<LineageRecord>> Lineage() = 0;
  virtual Status AddFiles(const std::vector<FileRecord>& files) = 0;
  virtual Result<std::vector<FileRecord>> Files(std::string_view task) = 0;
};

}  // namespace millrace
