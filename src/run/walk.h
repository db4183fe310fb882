// One attempt of one task, step by step. run_task.cc says in which order.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "run/interval.h"
#include "run/run_scope.h"
#include "run/task_log.h"

namespace millrace {

struct WalkInput {
  const Input* input = nullptr;
  std::unique_ptr<Source> source;
  SourceInfo info;  // of the opened range
};

struct WalkOutput {
  const Target* target = nullptr;
  std::unique_ptr<Sink> sink;
  std::optional<Committed> last;  // what it has of this task
  bool nothing = false;           // of this interval: it has no rows for it
  bool Has(const CommitId& id) const { return last && last->sequence >= id.sequence; }
};

// A lake table that the SQL or the checks name: read at one version, in a replay at the same one.
struct Pin {
  std::string name;
  std::unique_ptr<Table> table;
  std::optional<Snapshot>
      snapshot;  // absent: no such table yet (only the task's own may be missing)
  std::optional<Position> position() const;
};

// Where a task's rejects are in the lake. kInvalid: nowhere, or others put theirs there, too.
Result<std::unique_ptr<Table>> RejectsTable(RunScope& run, const Task& task);

class Walk {
 public:
  // Makes the sources and sinks and asks each sink what it has. `task`'s ${run.*} are those of
  // `values`.
  static Result<std::unique_ptr<Walk>> Begin(RunScope& run, const Task& task,
                                             const RunRecord& values, TaskLog& log,
                                             ProgressBoard::Line& progress, std::stop_token stop);
  ~Walk();

  // kInvalid: a replayed range is not there any more.
  Status OpenInputs(const Interval& interval, std::stop_token stop);
  bool AllHave(const CommitId& id) const;
  bool AnyHas(const CommitId& id) const;
  bool TakesRows() const;
  bool OnlyChecks() const { return outputs.empty() && rejects.empty(); }

  Status TakeFiles(const Interval& interval, std::stop_token stop);
  Result<Sql> Transform(const Interval& interval, std::stop_token stop);
  Result<Checked> Check(const Sql& rows, std::stop_token stop);
  Status Write(const Checked& checked, const Interval& interval, std::stop_token stop);
  Status WriteRejects(const Checked& checked, const Interval& interval, std::stop_token stop);
  Status Count();
  Status Plan(const Interval& interval);
  Status CommitRejects(const Interval& interval, std::stop_token stop);
  Status CommitTargets(const Interval& interval, std::stop_token stop);
  Status Finish(const Interval& interval);
  // After Finish: the same ends walk another interval.
  void Next();
  // For intervals that follow each other closely: what each holds at most, what those before it
  // counted, and how often the store and the log are told.
  void Stream(const RangeLimit& limit, const TaskRecord& before, Micros tell_every);
  void Limit(const RangeLimit& limit);  // of the intervals that follow
  // Sources learn that the interval is committed; more than once does no harm.
  Status Acknowledge(const Interval& interval);

  RunScope& run;
  const Task& task;

 private:  // outlives what is made with it
  ConnectContext connect_;
  std::unique_ptr<Session> session_;
  int64_t session_intervals_ = 0;

 public:
  std::vector<WalkInput> inputs;
  std::vector<WalkOutput> outputs, rejects;
  std::vector<Pin> pins;
  TaskRecord counts;  // of this interval
  std::vector<OutputRecord> left_outside;  // by the newest commit
  TaskRecord Totals() const;
  // When the first of the interval's records came about, where a source tells.
  std::optional<Time> Oldest() const;
  // How far the inputs are behind at the end of `commit`.
  Result<std::vector<Lag>> Lags(const CommitRecord& commit, std::stop_token stop);

 private:
  Walk(RunScope& run, const Task& task, const RunRecord& values, TaskLog& log,
       ProgressBoard::Line& progress);
  Status MakeEnds(std::stop_token stop);
  Status FindPins();
  Status OpenPin(Pin& pin, const Interval& interval);
  Status DefinePins(std::stop_token stop);
  Sql TaskSql() const;
  Status BindInput(WalkInput& input, std::stop_token stop);
  bool SomebodyReads() const;
  Result<std::vector<Sql>> DecodeRejects();
  Result<Sql> RejectsToTry(const Interval& interval, std::stop_token stop);
  Result<bool> DecodeAgain(const Sql& put_aside, std::stop_token stop);
  Status WriteOutput(WalkOutput& output, Sql rows, const Interval& interval, std::stop_token stop);
  Status RecordOutputs(const Interval& interval);
  Status Commit(WalkOutput& output, const Interval& interval, std::stop_token stop);
  Status Record(const Checked& checked);
  bool IsTimeToTell() const;
  void Say(const std::string& line);  // to the log, when it is time to tell
  void Stage(const std::string& name);

  const RunValues values_;
  std::optional<bool> reads_once_;  // the SQL its only input, row by row
  TaskLog& log_;
  ProgressBoard::Line& progress_;
  std::vector<Sql> discarded_;  // rows that a target's contract refused
  bool decoded_again_ = false;  // the input is what was put aside
  int64_t dropped_ = 0;         // rows that a check with `on_fail: drop` took
  TaskRecord before_;           // counts of the intervals before this one
  std::map<std::string, int64_t> failed_rows_;  // by check, with those of the intervals before
  Micros tell_every_{0};
  Time told_;
  std::string stage_;
  Time stage_began_;
  std::map<std::string, double> seconds_;  // by stage
};

}  // namespace millrace
