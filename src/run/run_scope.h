// What all tasks of one run share.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "run/progress.h"
#include "run/run.h"

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

struct RunScope {
  RunContext& context;
  Store& store;  // the context's, with failpoints
  Announcer& announcer;
  ProgressBoard& board;
  const Pipeline& pipeline;
  RunRecord record;  // id, dates, params, force, full_refresh
  bool planning = false;

  Time Now() const { return context.env.clock.Now(); }
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
