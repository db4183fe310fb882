// What was planned, run and committed. The only owner of run state; the scheduler keeps none.
//
// Thread-safe. A method's effects all happen or none does. When it returns ok they survive the
// death of the process; PlanCommit, AdoptCommit and MoveRun to a final state survive a loss of
// power, too, with all that came before them. (What a loss of power may take is at most the end of
// that history, and is found again by replay.)
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "data/rows.h"
#include "store/membership.h"

namespace millrace {

enum class RunState { kRunning, kSucceeded, kFailed, kCanceled };
enum class TaskState {
  kPending,  // waits for others
  kRunning,
  kSucceeded,
  kSkipped,  // nothing changed
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
  std::string pipeline_file;  // as given
  RunState state = RunState::kRunning;
  Time started, logical_date, interval_start, interval_end;
  std::optional<Time> ended;
  std::map<std::string, std::string> params;
  bool force = false, full_refresh = false;  // as asked for; a resumed run keeps them
  bool tries_rejects = false;                // not kept: what it planned is completed all the same
  std::string error;                         // first failure, one line
  int64_t process = 0;                       // pid of the owner
};

struct TaskRecord {
  RunId run;
  std::string task;                // the key: name and matrix values
  std::vector<std::string> after;  // keys of the tasks it waits for
  TaskState state = TaskState::kPending;
  int attempt = 0;  // attempts begun
  std::optional<Time> started, ended;
  std::string reason;  // why it was skipped or failed
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
  std::string detail;  // "carrier: 3 nulls in 336,776 rows"
};

// A commit: planned before the first sink is told, finished after the last.
struct CommitRecord {
  CommitId id;
  RunId run;
  std::map<std::string, Position> begin,
      end;                 // by input name; begin lacks inputs read from the start
  Time now;                // what the task sees as the present, fixed for replays
  std::string definition;  // hash of the task's definition
  bool refresh = false;    // replaces whatever the targets held
  bool finished = false;
};

struct LineageRecord {
  std::string pipeline, task, table;
  bool written = false;  // else read
};

struct FileRecord {  // a file that was taken, as it was then
  std::string task, input, path;
  int64_t size = 0;  // bytes
  Time modified;
  std::string sha256;
  RunId run;
};

// What a commit left outside under a name of its own: content that was stored by its CID.
struct OutputRecord {
  RunId run;
  std::string task;
  int64_t sequence = 0;  // of the commit
  std::string kind;      // "root", one for each target that has it; "shard", "index"
  std::string cid;
  int64_t size = 0;      // bytes: of a root those of its files
  int64_t files = 0;     // of a root
  std::string target;    // of a root: who has it: "storacha", "archive"
  std::string location;  // of a root: where: a space, a file
  std::string links;     // of a root: URLs under which anybody finds it, one a line
};

struct MetricRecord {
  RunId run;
  std::string task, name;
  double value = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Two runs of one pipeline at once would each write the same rows. kConflict names the process
  // that has it.
  virtual Result<std::unique_ptr<ProcessLock>> LockPipeline(std::string_view pipeline) = 0;
  // Instead: one of several processes. kConflict names the process that has the lock.
  virtual Result<std::unique_ptr<Membership>> JoinPipeline(std::string_view pipeline) = 0;

  // A run with all its tasks, in kPending.
  virtual Status CreateRun(const RunRecord& run, const std::vector<TaskRecord>& tasks) = 0;
  virtual Result<RunRecord> GetRun(const RunId& id) = 0;  // kNotFound
  virtual Result<std::vector<RunRecord>> Runs(std::string_view pipeline,
                                              int limit) = 0;  // newest first; "" = all
  // Running → final, or final → running (resume). kConflict when it is not in `from`.
  virtual Status MoveRun(const RunId& id, RunState from, RunState to, Time now,
                         std::string_view error) = 0;

  virtual Result<std::vector<TaskRecord>> Tasks(const RunId& run) = 0;  // in order of creation
  // Compare-and-set. kConflict when it is not in `from`. To kRunning begins an attempt; away from
  // it ends that.
  virtual Status MoveTask(const RunId& run, std::string_view task, TaskState from, TaskState to,
                          Time now, std::string_view reason = "", std::string_view hint = "") = 0;
  virtual Status UpdateTask(const TaskRecord& counts) = 0;  // rows and bytes only
  virtual Result<std::vector<AttemptRecord>> Attempts(const RunId& run, std::string_view task) = 0;

  // The protocol: PlanCommit → every Sink::Commit → FinishCommit.
  virtual Status PlanCommit(const CommitRecord& commit) = 0;      // kConflict unless it is last + 1
  // Twice is once. Commits long before it are forgotten: the newest thousand of a task are kept.
  virtual Status FinishCommit(const CommitId& id, Time now) = 0;
  // Only for a plan that no sink has. The commit before it is the newest again; the sequence number
  // is reused. kConflict unless it is the newest and unfinished.
  virtual Status AbandonCommit(const CommitId& id) = 0;
  // Records, as finished, a commit that the sinks have and this store does not know: it was lost or
  // restored. kConflict unless it is newer than all of its task.
  virtual Status AdoptCommit(const CommitRecord& commit) = 0;
  // The newest commit of a task: planned (then it is to be completed) or finished; nullopt: none
  // yet.
  virtual Result<std::optional<CommitRecord>> LastCommit(std::string_view task) = 0;
  // In order of planning. Positions are kept for the newest commits of a task only.
  virtual Result<std::vector<CommitRecord>> Commits(const RunId& run) = 0;

  // What is recorded twice with one key (run, task, name or path) is there once, with the later
  // values.
  virtual Status AddCheck(const CheckRecord& check) = 0;
  virtual Result<std::vector<CheckRecord>> Checks(const RunId& run) = 0;
  virtual Status AddMetric(const MetricRecord& metric) = 0;
  virtual Result<std::vector<MetricRecord>> Metrics(const RunId& run) = 0;
  // Outputs of a task's newest thousand commits are kept, as commits are.
  virtual Status AddOutputs(const std::vector<OutputRecord>& outputs) = 0;
  virtual Result<std::vector<OutputRecord>> Outputs(const RunId& run) = 0;
  // Replaces what the pipeline had.
  virtual Status SetLineage(std::string_view pipeline,
                            const std::vector<LineageRecord>& records) = 0;
  virtual Result<std::vector<LineageRecord>> Lineage() = 0;
  // Continuous tasks that a user wants to wait, until told otherwise.
  virtual Status SetPaused(std::string_view task, bool paused) = 0;
  virtual Result<std::set<std::string>> PausedTasks() = 0;
  virtual Status AddFiles(const std::vector<FileRecord>& files) = 0;
  virtual Result<std::vector<FileRecord>> Files(std::string_view task) = 0;
};

}  // namespace millrace
