// millrace pause, millrace resume
#include <memory>
#include <set>

#include "base/text.h"
#include "cli/command.h"
#include "cli/words.h"
#include "cli/workspace.h"
#include "pipeline/names.h"
#include "run/run_graph.h"

namespace millrace {

namespace {

struct PauseArguments {
  std::string pipeline;
  std::vector<std::string> tasks;
};

Result<int> SetPaused(Invocation& invocation, const PauseArguments& arguments, bool paused) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::string file = TRY(workspace->FindPipeline(arguments.pipeline));
  Diagnostics diagnostics;
  auto pipeline = LoadPipeline(workspace->project(), file, workspace->registry(), {}, std::nullopt,
                               diagnostics);
  if (!pipeline) return diagnostics.ToStatus();
  Store* store = TRY(workspace->store());
  int64_t count = 0;
  for (const GraphTask& task : TRY(ChooseTasks(*pipeline, arguments.tasks))) {
    if (!task.task->trigger.continuous) {
      if (arguments.tasks.empty()) continue;
      return Invalid(ShortTask(task.task->key) + " is not continuous",
                     "a scheduled task rests by itself between its runs");
    }
    TRY(store->SetPaused(task.task->key, paused));
    ++count;
  }
  if (count == 0) return Invalid(pipeline->name + " has no continuous tasks");
  invocation.terminal.Print(Counted(count, "task") + " of " + pipeline->name +
                            (paused ? " paused: the batches at hand end first\n" : " resumed\n"));
  return kExitDone;
}

Action Declare(Options& options, bool paused) {
  auto given = std::make_shared<PauseArguments>();
  options.Argument("PIPELINE", &given->pipeline,
                   "A file, folder or name; not needed where there is just one",
                   Options::Need::kOptional);
  options.Value("-t,--task", "TASK", &given->tasks, "Only this task; all continuous ones if none");
  return [given, paused](Invocation& invocation) { return SetPaused(invocation, *given, paused); };
}

}  // namespace

Action DeclarePause(Options& options) {
  options.Note(
      "A paused task rests within a second, also after a restart, until `millrace resume`.\n"
      "What it would have taken waits at its source.");
  options.Example("millrace pause users -t store", "one task of a pipeline that runs elsewhere");
  return Declare(options, true);
}

Action DeclareResume(Options& options) {
  options.Note("A run that failed is continued by `millrace run --resume`.");
  options.Example("millrace resume users", "all its paused tasks");
  return Declare(options, false);
}

}  // namespace millrace
