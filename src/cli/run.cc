// millrace run
#include <memory>

#include "cli/command.h"
#include "cli/plan_table.h"
#include "cli/run_view.h"
#include "cli/words.h"
#include "cli/witness.h"
#include "cli/workspace.h"
#include "pipeline/files.h"
#include "run/run.h"

namespace millrace {

namespace {

struct RunArguments {
  std::string pipeline, resume, logical_date, engine = "duckdb";
  std::vector<std::string> tasks, params;
  bool force = false, full_refresh = false, dry_run = false, once = false, stay = false,
       join = false;
  int parallel = 0;
};

constexpr int kDrainMillis = 5000;

int ExitCodeOfRun(const Runner::Outcome& outcome, const Signals& signals) {
  if (outcome.state == RunState::kSucceeded) return kExitDone;
  // What was wrong when rows came is a failed run, not a wrong command line.
  bool data = outcome.status.code() == Code::kInvalid || outcome.status.code() == Code::kNotFound;
  if (outcome.status.ok() || data) return kExitFailed;
  return ExitCodeOf(outcome.status, signals);
}

void TellManifest(Invocation& invocation, const proof::Witness& witness) {
  const GlobalOptions& options = invocation.options;
  if (options.quiet || options.log_format != "text" || witness.last_manifest().empty()) return;
  invocation.terminal.Print("  manifest: " + ShownPath(witness.last_manifest()) + "\n");
}

// A file with continuous tasks is stayed with, unless the call asks for one go at something.
Result<bool> Stays(Workspace& workspace, const RunArguments& arguments, const std::string& file,
                   const RunOptions& options) {
  bool one_go = arguments.once || !arguments.tasks.empty() || arguments.force ||
                arguments.full_refresh || !arguments.logical_date.empty();
  bool stay = arguments.stay || arguments.join;
  if (stay && one_go)
    return Invalid(std::string(arguments.join ? "--join" : "--stay") +
                   " goes on for ever, and the other options ask for one go");
  if (stay) Signals::Allow(kDrainMillis);
  if (one_go || stay) return stay;
  Diagnostics told_later;
  auto pipeline = LoadPipeline(workspace.project(), file, workspace.registry(), options.params,
                               std::nullopt, told_later);
  bool stays = pipeline && pipeline->AnyContinuous();
  if (stays) Signals::Allow(kDrainMillis);
  return stays;
}

Result<int> RunPipeline(Invocation& invocation, const RunArguments& arguments) {
  RunOptions options =
      TRY(ParseRunOptions(arguments.tasks, arguments.params, arguments.logical_date));
  options.force = arguments.force;
  options.full_refresh = arguments.full_refresh;
  options.parallel = arguments.parallel;
  options.join = arguments.join;
  bool resumes = !arguments.resume.empty();
  bool decided = !arguments.tasks.empty() || !arguments.params.empty() ||
                 !arguments.logical_date.empty() || arguments.force || arguments.full_refresh ||
                 arguments.dry_run || arguments.once || arguments.stay ||
                 arguments.join || !arguments.pipeline.empty();
  if (resumes && decided) {
    return Invalid("--resume continues a run with the values it had",
                   "give nothing but the run: " + OnRun("run --resume", arguments.resume));
  }
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  if (arguments.dry_run) return PrintPlan(*workspace, arguments.pipeline, options);

  // What is wrong with the file is found before a store is made or the engine wakes.
  std::string file = resumes ? "" : TRY(workspace->FindPipeline(arguments.pipeline));
  RunId resumed = resumes ? TRY(workspace->FindRun(arguments.resume)).id : "";
  invocation.signals.OutlivePipes();
  std::unique_ptr<RunView> view = MakeRunView(invocation.options, invocation.terminal);
  std::unique_ptr<proof::Witness> witness = TRY(MakeWitness(*workspace, *view));
  Observer& observer = witness ? static_cast<Observer&>(*witness) : *view;
  Runner runner({workspace->env(), workspace->project(), workspace->registry(),
                 *TRY(workspace->engine()), *TRY(workspace->store()), *TRY(workspace->lake()),
                 observer});
  view->Watch([&runner] { return runner.Progress(); });
  Result<Runner::Outcome> outcome =
      resumes ? runner.Resume(resumed, workspace->stop())
      : TRY(Stays(*workspace, arguments, file, options))
          ? runner.Stay(file, options, workspace->stop())
          : runner.Run(file, options, workspace->stop());
  view->Finish();
  if (!outcome.ok()) return outcome.status();
  if (witness) TellManifest(invocation, *witness);
  // It was told as it came; the run itself is what it is.
  if (witness && !witness->status().ok() && outcome->state == RunState::kSucceeded)
    return kExitFailed;
  return ExitCodeOfRun(*outcome, invocation.signals);
}

}  // namespace

Action DeclareRun(Options& options) {
  auto given = std::make_shared<RunArguments>();
  options.Argument("PIPELINE", &given->pipeline,
                   "A file, folder or name; not needed where there is just one",
                   Options::Need::kOptional);
  options.Value("-t,--task", "TASK", &given->tasks, "Only this task");
  options.Value("-p,--param", "NAME=VALUE", &given->params, "A parameter of the pipeline");
  options.Flag("--force", &given->force, "Run what did not change, too");
  options.Flag("--full-refresh", &given->full_refresh,
               "Read everything again and replace what was written");
  options.Flag("--once", &given->once,
               "Take what is there and end, though tasks are continuous");
  options.Flag("--stay", &given->stay,
               "Stay and run each task by its schedule; so it is where a task is continuous");
  options.Flag("--join", &given->join,
               "Stay, and share the continuous tasks with other processes that join");
  options.Value("--resume", "RUN", &given->resume,
                "Continue a failed, stopped or killed run (an id, or latest)");
  options.Flag("--dry-run", &given->dry_run, "Only show the plan");
  options.Value("--parallel", "N", &given->parallel, "Tasks at once; one a core unless given");
  options.Value("--logical-date", "DATE", &given->logical_date,
                "The date that the run stands for; now unless given");
  options.Choice("--engine", &given->engine, {"duckdb"}, "What runs the SQL");
  options.Note(
      "Tasks whose definition and inputs are what they were at their last commit are skipped.\n"
      "Ctrl-C stops within a second and leaves a run that --resume continues.\n"
      "A pipeline with continuous tasks is stayed with: each task runs by its schedule or\n"
      "continuously until Ctrl-C, which lets the batches at hand end, within five seconds.\n"
      "Processes of one machine that --join have about as many continuous tasks each; one of them\n"
      "does the schedules. Whatever becomes of one, the others go on with its tasks.");
  options.Example("millrace run", "the project's only pipeline");
  options.Example("millrace run flights -t silver_flights --force", "one task, changed or not");
  options.Example("millrace run orders.yml -p day=2026-11-20", "with a parameter");
  options.Example("millrace run users --once", "what is there now, then end");
  options.Example("millrace run users --join", "in several terminals: each takes its share");
  options.Example("millrace run --resume latest", "go on after a failure");
  return [given](Invocation& invocation) { return RunPipeline(invocation, *given); };
}

}  // namespace millrace
