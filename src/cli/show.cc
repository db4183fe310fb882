// millrace show
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/run_view.h"
#include "cli/text_table.h"
#include "cli/words.h"
#include "cli/workspace.h"
#include "pipeline/files.h"
#include "proof/witness.h"

namespace millrace {

namespace {

// A graph told as a tree: each task stands once, below the last of those it waits for.
class TaskTree {
 public:
  explicit TaskTree(const std::vector<TaskRecord>& tasks) : tasks_(tasks) {
    std::map<std::string, size_t> place;
    for (size_t i = 0; i < tasks.size(); ++i) place[tasks[i].task] = i;
    for (size_t i = 0; i < tasks.size(); ++i) {
      size_t parent = kRoot;
      for (const std::string& name : tasks[i].after) {
        auto found = place.find(name);
        if (found == place.end()) continue;
        if (parent == kRoot || Depth(found->second) > Depth(parent)) parent = found->second;
      }
      parent_.push_back(parent);
      children_[parent].push_back(i);
    }
  }

  // visit(task, "├─ " and what stands before it)
  template <class Visit>
  void Walk(const Visit& visit) const {
    WalkBelow(kRoot, "", visit);
  }

 private:
  static constexpr size_t kRoot = static_cast<size_t>(-1);

  // Tasks come after their upstream, so parents are known already.
  int Depth(size_t task) const {
    int depth = 0;
    for (; task != kRoot && task < parent_.size(); task = parent_[task]) ++depth;
    return depth;
  }
  template <class Visit>
  void WalkBelow(size_t parent, const std::string& indent, const Visit& visit) const {
    auto found = children_.find(parent);
    if (found == children_.end()) return;
    for (size_t child : found->second) {
      bool last = child == found->second.back(), root = parent == kRoot;
      visit(tasks_[child], root ? "" : indent + (last ? "└─ " : "├─ "));
      WalkBelow(child, root ? "" : indent + (last ? "   " : "│  "), visit);
    }
  }

  const std::vector<TaskRecord>& tasks_;
  std::vector<size_t> parent_;
  std::map<size_t, std::vector<size_t>> children_;
};

std::string Count(int64_t count) { return count == 0 ? "" : FormatCount(count); }

std::string InOut(int64_t in, int64_t out, std::string (*format)(int64_t)) {
  if (in == 0 && out == 0) return "";
  return (in == 0 ? "–" : format(in)) + " → " + (out == 0 ? "–" : format(out));
}

void PrintHead(Terminal& terminal, const Project& project, const RunRecord& run) {
  bool killed = WasKilled(run);
  std::string state = killed ? "killed" : std::string(Name(run.state));
  std::string text = terminal.Paint(killed ? Style::kYellow : StyleOf(run.state),
                                    std::string(Mark(run.state)) + " " + state) +
                     "  " + terminal.Paint(Style::kBold, run.pipeline) + "  run " + run.id + "\n";
  text += "  " + ShortTime(run.started) + " UTC";
  if (run.ended) text += ", took " + FormatDuration(*run.ended - run.started);
  text += "  ·  " + ShownPath(run.pipeline_file) + "\n";
  for (const auto& [name, value] : run.params) text += "  " + name + " = " + value + "\n";
  const std::string manifest = proof::ManifestPath(project, run.id);
  if (access(manifest.c_str(), F_OK) == 0) text += "  manifest: " + ShownPath(manifest) + "\n";
  terminal.Print(text + "\n");
}

void PrintTasks(Terminal& terminal, const std::vector<TaskRecord>& tasks) {
  TextTable table({{.name = "task", .whole = true},
                   {"state"},
                   {"time", true},
                   {.name = "rows in → out", .right = true, .optional = true},
                   {.name = "bytes in → out", .right = true, .optional = true, .minor = true},
                   {.name = "rejected", .right = true, .optional = true},
                   {.name = "tries", .right = true, .optional = true}});
  TaskTree(tasks).Walk([&](const TaskRecord& task, const std::string& branch) {
    Style style = StyleOf(task.state);
    bool ran = task.started && task.ended && task.state != TaskState::kSkipped;
    std::string time = ran ? FormatDuration(*task.ended - *task.started) : "";
    table.Add({{branch + ShortTask(task.task)},
               {std::string(Mark(task.state)) + " " + std::string(Word(task.state)), style},
               {time},
               {InOut(task.rows_in, task.rows_out, FormatCount)},
               {InOut(task.bytes_in, task.bytes_out, FormatBytes)},
               {Count(task.rows_rejected), task.rows_rejected > 0 ? Style::kYellow : Style::kPlain},
               {task.attempt > 1 ? std::to_string(task.attempt) : ""}});
  });
  terminal.Print(table.Format(terminal));
}

std::pair<std::string, Style> ResultOf(const CheckRecord& check) {
  if (check.passed) return {"✓ passed", Style::kGreen};
  if (check.severity == "warn") return {"! warning", Style::kYellow};
  if (check.on_fail == "quarantine") return {"! put aside", Style::kYellow};
  if (check.on_fail == "drop") return {"! dropped", Style::kYellow};
  return {"✗ failed", Style::kRed};
}

void PrintChecks(Terminal& terminal, const std::vector<CheckRecord>& checks) {
  if (checks.empty()) return;
  TextTable table({{"check"},
                   {"task"},
                   {.name = "result", .whole = true},
                   {.name = "rows", .right = true, .optional = true},
                   {.name = "detail", .optional = true}});
  for (const CheckRecord& check : checks) {
    auto [result, style] = ResultOf(check);
    table.Add({{check.check},
               {ShortTask(check.task)},
               {result, style},
               {Count(check.failed_rows)},
               {check.detail}});
  }
  terminal.Print("\n" + table.Format(terminal));
}

void PrintOutputs(Terminal& terminal, const std::vector<OutputRecord>& outputs) {
  std::map<std::string, std::vector<OutputRecord>> by_task;
  for (const OutputRecord& output : outputs) by_task[output.task].push_back(output);
  for (const auto& [task, its] : by_task) {
    std::string text = "\n" + ShortTask(task) + " stored\n" + OutputLines(its, "  ");
    for (const OutputRecord& output : its) {
      if (output.kind != "root")
        text += "    " + output.kind + "  " + output.cid + "  " + FormatCount(output.size) + " B\n";
    }
    terminal.Print(text);
  }
}

Status PrintFailures(Terminal& terminal, Store& store, const std::vector<TaskRecord>& tasks) {
  for (const TaskRecord& task : tasks) {
    if (task.reason.empty() || task.state == TaskState::kSkipped ||
        task.state == TaskState::kSucceeded)
      continue;
    bool failed = task.state == TaskState::kFailed;
    std::string text = "\n" +
                       terminal.Paint(StyleOf(task.state),
                                      std::string(Mark(task.state)) + " " + ShortTask(task.task)) +
                       (failed ? ": " : " – ") + task.reason + "\n";
    if (!task.hint.empty()) text += "  " + task.hint + "\n";
    if (task.attempt > 1) {
      for (const AttemptRecord& attempt : TRY(store.Attempts(task.run, task.task))) {
        text += "  attempt " + std::to_string(attempt.attempt) + ", " + ShortTime(attempt.started) +
                ": " + (attempt.error.empty() ? "succeeded" : attempt.error) + "\n";
      }
    }
    terminal.Print(text);
  }
  return Status::Ok();
}

Result<int> ShowRun(Invocation& invocation, const std::string& name) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  RunRecord run = TRY(workspace->FindRun(name));
  Store* store = TRY(workspace->store_to_read());
  std::vector<TaskRecord> tasks = TRY(store->Tasks(run.id));
  Terminal& terminal = invocation.terminal;
  PrintHead(terminal, workspace->project(), run);
  PrintTasks(terminal, tasks);
  PrintChecks(terminal, TRY(store->Checks(run.id)));
  PrintOutputs(terminal, TRY(store->Outputs(run.id)));
  TRY(PrintFailures(terminal, *store, tasks));
  bool told = std::any_of(tasks.begin(), tasks.end(), [](const TaskRecord& task) {
    return task.state == TaskState::kFailed || task.state == TaskState::kCanceled;
  });
  if (!run.error.empty() && !told) terminal.Print("\n" + run.error + "\n");
  if (run.state == RunState::kFailed || run.state == RunState::kCanceled || WasKilled(run)) {
    terminal.Print("\nNext: " + OnRun("logs", run.id) + "   or, to go on   " +
                   OnRun("run --resume", run.id) + "\n");
  }
  return kExitDone;
}

}  // namespace

Action DeclareShow(Options& options) {
  auto run = std::make_shared<std::string>();
  options.Argument("RUN", run.get(), "A run's id, the beginning of one, or latest",
                   Options::Need::kOptional);
  options.Example("millrace show", "the newest run");
  options.Example("millrace show 20261121T0650", "by the beginning of its id");
  return [run](Invocation& invocation) { return ShowRun(invocation, *run); };
}

}  // namespace millrace
