// What all tasks of one run share.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "run/progress.h"
#include "run/run.h"
#include "run/shares.h"

namespace millrace {

// Tells the observer, one at a time.
class Announcer {
 public:
  Announcer(Observer& observer, Clock& clock) : observer_(observer), clock_(clock) {}
  // Fills in the time.
  void Tell(Event event) {
    std::lock_guard lock(mutex_);
    event.at = clock_.Now();
    observer_.On(event);
  }

 private:
  std::mutex mutex_;
  Observer& observer_;
  Clock& clock_;
};

// What the continuous tasks of a run are told, and what they remember between attempts.
class StreamControl {
 public:
  StreamControl(std::stop_token drain, std::stop_token stop)
      : drain(std::move(drain)), stop(std::move(stop)) {}

  const std::stop_token drain;  // end with the batch at hand
  const std::stop_token stop;   // end now
  std::unique_ptr<Shares> shares;  // null: all tasks are this process's

  bool only_drains() const { return drain.stop_requested() && !stop.stop_requested(); }
  int AnotherFailure(const std::string& task) {
    std::lock_guard lock(mutex_);
    return ++failures_[task];
  }
  void Succeeded(const std::string& task, const TaskRecord& totals) {
    std::lock_guard lock(mutex_);
    failures_[task] = 0;
    totals_[task] = totals;
  }
  bool Worked(const std::string& task) {
    std::lock_guard lock(mutex_);
    return totals_.contains(task);
  }
  // Of the task's intervals so far, in whatever attempt.
  TaskRecord Totals(const std::string& task) {
    std::lock_guard lock(mutex_);
    auto found = totals_.find(task);
    return found == totals_.end() ? TaskRecord() : found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> failures_;  // in a row
  std::map<std::string, TaskRecord> totals_;
};

struct RunScope {
  RunContext& context;
  Store& store;  // the context's, with failpoints
  Announcer& announcer;
  ProgressBoard& board;
  const Pipeline& pipeline;
  RunRecord record;  // id, dates, params, force, full_refresh
  bool planning = false;
  bool tries_rejects = false;        // takes what was put aside, and nothing else
  StreamControl* streams = nullptr;  // null: tasks take what is there and end
  const std::map<std::string, Time>* present = nullptr;  // of tasks that are repeated

  Time Now() const { return context.env.clock.Now(); }
  // What the next interval of a task sees as now.
  Time PresentOf(const std::string& task) const {
    if (present == nullptr) return Now();
    auto given = present->find(task);
    return given == present->end() ? Now() : given->second;
  }
  void Tell(Event::Kind kind, const Task& task, std::string message, std::string hint = "") {
    announcer.Tell({.kind = kind,
                    .run = record.id,
                    .pipeline = record.pipeline,
                    .task = task.key,
                    .message = std::move(message),
                    .hint = std::move(hint)});
  }
};

// Where connectors stage things; also holds logs and locks.
std::string StateFolder(const Project& project);
RunValues ValuesOf(const RunRecord& record);

}  // namespace millrace
