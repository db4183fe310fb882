#include "run/plan.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "run/walk.h"

namespace millrace {

namespace {

std::string Plural(size_t count, const std::string& what) {
  return FormatCount(static_cast<int64_t>(count)) + " " + what + (count == 1 ? "" : "s");
}

// "2 new files, 1 rewritten file": more than a position, which only its source can read, says.
std::string FilesReason(const Walk& walk) {
  size_t files = 0, rewritten = 0;
  for (const WalkInput& input : walk.inputs) {
    files += input.info.files.size();
    rewritten += input.info.rewritten.size();
  }
  std::vector<std::string> parts;
  if (files > rewritten) parts.push_back(Plural(files - rewritten, "new file"));
  if (rewritten > 0) parts.push_back(Plural(rewritten, "rewritten file"));
  return Join(parts, ", ");
}

// What the tasks before it will change of what it reads.
std::vector<std::string> ChangedBefore(const Task& task, const std::set<std::string>& changing) {
  std::set<std::string> reads(task.reads.begin(), task.reads.end());
  for (const Input& input : task.inputs) reads.insert(input.traits.reads);
  std::vector<std::string> changed;
  for (const std::string& table : reads) {
    if (changing.contains(table)) changed.push_back(table);
  }
  return changed;
}

Result<TaskPlan> PlanByItself(RunScope& run, const Task& task, TaskPlan plan,
                              std::stop_token stop) {
  TaskLog no_log(run.context.env.clock, "");
  ProgressBoard::Line line(run.board, task.key);
  auto walk = TRY(Walk::Begin(run, task, run.record, no_log, line, stop));
  Wishes wishes{.force = run.record.force, .full_refresh = run.record.full_refresh};
  Decision decision = TRY(Decide(*walk, wishes, stop));
  plan.reason = decision.reason;
  switch (decision.kind) {
    case Decision::Kind::kSkip: plan.action = TaskPlan::Action::kSkip; return plan;
    case Decision::Kind::kComplete: plan.action = TaskPlan::Action::kComplete; return plan;
    case Decision::Kind::kAbandon:
    case Decision::Kind::kSupersede:
    case Decision::Kind::kAdopt:
      if (plan.reason.empty()) plan.reason = decision.warning;
      return plan;
    case Decision::Kind::kRun: break;
  }
  TRY(walk->OpenInputs(decision.interval, stop));
  plan.bytes_in = walk->counts.bytes_in;
  if (std::string files = FilesReason(*walk);
      !files.empty() && decision.interval.commit.id.sequence > 1) {
    plan.reason += ": " + files;
  }
  if (!decision.warning.empty()) plan.reason += "; " + decision.warning;
  return plan;
}

}  // namespace

Result<std::vector<TaskPlan>> PlanTasks(RunScope& run, const std::vector<GraphTask>& graph,
                                        std::stop_token stop) {
  std::vector<TaskPlan> plans;
  std::set<std::string> changing;  // tables that a task before will write
  for (const GraphTask& node : graph) {
    const Task& task = *node.task;
    TaskPlan plan{.task = task.key, .reads = task.reads, .writes = task.writes};
    std::vector<std::string> changed = ChangedBefore(task, changing);
    if (!task.command.empty()) {
      plan.reason = "it is a command";
    } else if (!changed.empty()) {
      // Its inputs are not there yet as they will be: only its own side can be looked at.
      std::optional<CommitRecord> last = TRY(run.store.LastCommit(task.key));
      bool same = last && last->definition == task.definition;
      plan.reason = !last ? "first run"
                          : (same ? "" : "its definition changed, and ") + Join(changed, ", ") +
                                " will change";
      if (last && !last->finished) plan.action = TaskPlan::Action::kComplete;
    } else {
      plan = TRY(PlanByItself(run, task, std::move(plan), stop));
    }
    if (plan.action != TaskPlan::Action::kSkip)
      changing.insert(task.writes.begin(), task.writes.end());
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace millrace
