// One attempt at a task: what killed runs left of it, then what is new.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "run/interval.h"
#include "run/pulse.h"
#include "run/run_scope.h"
#include "run/walk.h"

namespace millrace {

// How an attempt ended well.
struct Done {
  TaskState state = TaskState::kSucceeded;
  std::string reason;
};

class Attempt {
 public:
  Attempt(RunScope& run, const Task& task, TaskLog& log)
      : run_(run), task_(task), log_(log), progress_(run.board, task.key) {}

  // Takes what is there, in one interval, and ends.
  Result<Done> WalkOn(std::stop_token stop);
  // Takes what is new, interval by interval, until it is drained, or (kPending) until another
  // process is to go on with it. Sources and sinks stay open.
  Result<Done> Stream(std::stop_token stop);
  Result<Done> RunItsCommand(int attempt, std::stop_token stop);
  const TaskRecord& counts() const { return counts_; }
  const std::vector<OutputRecord>& outputs() const { return outputs_; }

 private:
  // The interval to walk now; nullopt: nothing is new. A walk that is null is begun.
  Result<std::optional<Interval>> NextInterval(std::unique_ptr<Walk>& walk, std::stop_token stop);
  void Tell(const Decision& decision);
  Status Complete(const Interval& interval, std::stop_token stop);
  Status Replay(Walk& walk, const Interval& interval, std::stop_token stop);
  Status WalkOne(Walk& walk, const Interval& interval, std::stop_token stop);
  bool IsPaused();
  bool IsOurs();
  void Rest(Time until);
  void Pace(Walk& walk, Micros took);
  Status Report(Walk& walk, const std::optional<Interval>& interval, std::stop_token stop);

  RunScope& run_;
  const Task& task_;
  TaskLog& log_;
  ProgressBoard::Line progress_;
  TaskRecord counts_;
  std::vector<OutputRecord> outputs_;  // of the newest commit
  std::string reason_;      // of the first decision
  std::string warned_;      // last
  bool completed_ = false;  // what another run had planned
  bool acknowledged_ = false;
  CommitRecord last_;  // of this attempt; without an id before the first
  RangeLimit limit_;    // of the next interval
  Pulse pulse_;
  Time asked_;  // whether it is paused
  bool paused_ = false, was_quiet_ = false;
};

}  // namespace millrace
