// Runs pipelines: decides what is to do, runs ready tasks side by side, retries, resumes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "connect/registry.h"
#include "engine/engine.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace millrace {

// What happens, as it happens: for the terminal and the log. Called from several threads, one at a
// time.
struct Event {
  enum class Kind {
    kRunStarted,
    kTaskStarted,
    kTaskRetry,
    kTaskEnded,
    kStreamed,  // how a continuous task does, now and then: `record` and `message`
    kCheckFailed,
    kWarning,
    kRunEnded
  } kind;
  Time at;
  RunId run;
  std::string pipeline;
  std::string task;  // key; "" for run events
  TaskState task_state = TaskState::kPending;
  RunState run_state = RunState::kRunning;
  TaskRecord record;    // kTaskEnded
  std::vector<OutputRecord> outputs;  // kTaskEnded: of its newest commit
  std::string message;  // reason, warning
  std::string hint;
  bool resumable = true;  // kRunEnded: `run --resume` would go on with it; not with streams
  int attempt = 1;
  Micros duration{0};
};

struct TaskProgress {  // of a task that runs now
  std::string task;
  std::string stage;     // "reading" "checking" "writing" "committing"
  std::string note;      // of a continuous task: "1,200 rows/s, 85 ms, 0 behind"
  double fraction = -1;  // 0 to 1; -1 unknown
  int64_t rows = 0, bytes = 0, bytes_total = -1;
  Micros elapsed{0};
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void On(const Event& event) = 0;
};

// A run that is another one once more: its id, its dates, and what its tasks saw as the present.
struct Repeated {
  RunId run;
  Time logical_date, interval_start, interval_end;
  std::map<std::string, Time> now;  // by task
};

struct RunOptions {
  std::vector<std::string> tasks;  // names or keys; empty: all. Only these, not their upstream
  bool force = false;              // run what did not change, too
  bool full_refresh = false;       // read everything again and replace what was written
  std::map<std::string, std::string> params;
  std::optional<Time> logical_date;
  int parallel = 0;  // 0: one a core
  bool rejects = false;  // only what the tasks put aside since it was last tried again
  bool join = false;     // Stay: with other processes that do so
  std::optional<Repeated> repeats;  // where that run is not on record
};

// What would run and why.
struct TaskPlan {
  enum class Action {
    kRun,
    kSkip,
    kComplete /* a planned commit of a killed run */
  } action = Action::kRun;
  std::string task;
  std::string reason;  // "definition changed", "2 new files", "bronze.flights has a new version", …
  std::vector<std::string> reads, writes;
  int64_t bytes_in = -1;
};

struct RunContext {
  Env& env;
  const Project& project;
  const Registry& registry;
  Engine& engine;
  Store& store;
  Lake& lake;
  Observer& observer;
};

class Runner {
 public:
  explicit Runner(RunContext context);
  ~Runner();
  // Reads and checks the file, then plans. In order of the graph.
  Result<std::vector<TaskPlan>> Plan(const std::string& file, const RunOptions& options,
                                     std::stop_token stop);
  // Runs to the end. The record is there whatever happened; the status is that of the first
  // failure.
  struct Outcome {
    RunId run;
    RunState state = RunState::kSucceeded;
    Status status;
  };
  Result<Outcome> Run(const std::string& file, const RunOptions& options, std::stop_token stop);
  // Stays: runs each task by its schedule, or continuously, until `drain` is requested: continuous
  // tasks then end with the batch at hand, within five seconds. A change of the file is taken over
  // between batches. Of the options, params, parallel and join count.
  // Processes that join share the continuous tasks: each is one's at a time, all have about as
  // many. One leads: it does schedules and upkeep; when it is gone another one does.
  Result<Outcome> Stay(const std::string& file, const RunOptions& options, std::stop_token drain);
  // Continues a failed, canceled or killed run with the same values: committed tasks are not
  // redone.
  Result<Outcome> Resume(const RunId& run, std::stop_token stop);
  // Any thread, while Run or Resume works.
  std::vector<TaskProgress> Progress() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

// Defines millrace.runs, .tasks, .landing… (store/tables.h) in a session, as far as `tables` names
// them; other names are passed over. What hangs on a run is there for the newest 1,000 runs.
Status DefineStoreTables(Session& session, Store& store, Lake& lake,
                         const std::vector<std::string>& tables, std::stop_token stop);
// Defines the lake tables named, each at its newest version or as_of. kNotFound names the table.
Status DefineLakeTables(Session& session, Lake& lake, const std::vector<std::string>& tables,
                        const AsOf& as_of);

// Where a run's logs are: one file a task, made when the task begins. `task` is its key.
std::string RunFolder(const Project& project, const RunId& run);
std::string TaskLogPath(const Project& project, const RunId& run, std::string_view task);

}  // namespace millrace
