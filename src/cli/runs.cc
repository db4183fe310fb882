// millrace runs
#include <memory>

#include "cli/command.h"
#include "cli/text_table.h"
#include "cli/words.h"
#include "cli/workspace.h"

namespace millrace {

namespace {

struct RunsOptions {
  std::string pipeline;
  int limit = 20;
};

std::string TaskSummary(const std::vector<TaskRecord>& tasks) {
  int64_t done = 0, skipped = 0, failed = 0, other = 0;
  for (const TaskRecord& task : tasks) {
    if (task.state == TaskState::kSucceeded)
      ++done;
    else if (task.state == TaskState::kSkipped)
      ++skipped;
    else if (task.state == TaskState::kFailed)
      ++failed;
    else
      ++other;
  }
  std::string text = FormatCount(done) + " done";
  if (skipped > 0) text += ", " + FormatCount(skipped) + " unchanged";
  if (failed > 0) text += ", " + FormatCount(failed) + " failed";
  if (other > 0) text += ", " + FormatCount(other) + " not run";
  return text;
}

Result<int> ListRuns(Invocation& invocation, const RunsOptions& options) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  Store* store = TRY(workspace->store_to_read());
  std::vector<RunRecord> runs = TRY(store->Runs(options.pipeline, options.limit));
  TextTable table({{.name = "run", .whole = true},
                   {"pipeline"},
                   {.name = "state", .whole = true},
                   {.name = "started (UTC)", .whole = true, .minor = true},
                   {"time", true},
                   {"tasks"}});
  for (const RunRecord& run : runs) {
    bool killed = WasKilled(run);
    Style style = killed ? Style::kYellow : StyleOf(run.state);
    table.Add({{run.id},
               {run.pipeline},
               {killed ? "killed" : std::string(Name(run.state)), style},
               {ShortTime(run.started)},
               {run.ended ? FormatDuration(*run.ended - run.started) : ""},
               {TaskSummary(TRY(store->Tasks(run.id)))}});
  }
  if (runs.empty()) {
    invocation.terminal.Print(options.pipeline.empty()
                                  ? "No runs yet. Begin with: millrace run\n"
                                  : "No runs of " + options.pipeline + " yet.\n");
    return kExitDone;
  }
  invocation.terminal.Print(table.Format(invocation.terminal));
  return kExitDone;
}

}  // namespace

Action DeclareRuns(Options& options) {
  auto given = std::make_shared<RunsOptions>();
  options.Argument("PIPELINE", &given->pipeline, "Only runs of this pipeline",
                   Options::Need::kOptional);
  options.Value("-n,--limit", "N", &given->limit, "How many, the newest first");
  options.Example("millrace runs", "the newest runs of the project");
  options.Example("millrace runs flights -n 5", "the last five of one pipeline");
  return [given](Invocation& invocation) { return ListRuns(invocation, *given); };
}

}  // namespace millrace
