// millrace rejects list | show | replay
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/run_view.h"
#include "cli/statement.h"
#include "cli/text_table.h"
#include "cli/words.h"
#include "cli/witness.h"
#include "cli/workspace.h"
#include "run/interval.h"
#include "run/run.h"
#include "run/run_graph.h"

namespace millrace {

namespace {

struct RejectsArguments {
  std::string pipeline, what, rule;
  std::vector<std::string> tasks;
  int limit = 20;
};

Result<Pipeline> Load(Workspace& workspace, const std::string& name) {
  std::string file = TRY(workspace.FindPipeline(name));
  Diagnostics diagnostics;
  auto pipeline = LoadPipeline(workspace.project(), file, workspace.registry(), {}, std::nullopt,
                               diagnostics);
  if (!pipeline) return diagnostics.ToStatus();
  return *std::move(pipeline);
}

std::string TableOf(const Task& task) {
  for (const Target& target : task.rejects) {
    if (ParseTableName(target.traits.writes).ok()) return target.traits.writes;
  }
  return "";
}

// Up to which version of the table its rows were tried again.
Result<int64_t> TriedUpTo(Workspace& workspace, const Task& task) {
  std::optional<CommitRecord> last = TRY(TRY(workspace.store())->LastCommit(task.key));
  if (!last || !last->end.contains(kRejectsInput)) return -1;
  return std::atoll(last->end.at(kRejectsInput).token.c_str());
}

Status AddRules(Workspace& workspace, const Task& task, TextTable& text) {
  std::string name = TableOf(task);
  std::unique_ptr<Table> table = TRY(workspace.lake())->Open(*ParseTableName(name));
  if (!TRY(table->Exists())) return Status::Ok();
  std::unique_ptr<Session> session = TRY(TRY(workspace.engine())->Open("rejects"));
  int64_t from = TRY(TriedUpTo(workspace, task));
  Sql rows = TRY(table->ScanChanges(*session, from, TRY(table->Load()).version));
  auto rules = TRY(session->Collect(
      {"SELECT coalesce(_rule, '?'), CAST(count(*) AS VARCHAR), "
       "strftime(max(_rejected_at) AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S') FROM (" +
       rows.text + "\n) GROUP BY 1 ORDER BY count(*) DESC, 1"},
      workspace.stop()));
  for (auto& rule : rules) {
    text.Add({{ShortTask(task.key)},
              {name},
              {rule[0].value_or("")},
              {FormatCount(std::atoll(rule[1].value_or("0").c_str()))},
              {rule[2].value_or("")}});
  }
  return Status::Ok();
}

Result<int> List(Invocation& invocation, const RejectsArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  Pipeline pipeline = TRY(Load(*workspace, arguments.pipeline));
  TextTable text({{"task"}, {"table"}, {"rule"}, {"rows", true}, {.name = "last (UTC)"}});
  for (const Task& task : pipeline.tasks) {
    if (TableOf(task).empty()) continue;
    Status added = AddRules(*workspace, task, text);
    if (!added.ok()) return added.In(ShortTask(task.key));
  }
  invocation.terminal.Print(text.size() == 0 ? "Nothing is put aside.\n"
                                             : text.Format(invocation.terminal));
  return kExitDone;
}

Result<int> Show(Invocation& invocation, const RejectsArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::string table = arguments.what;
  if (!ParseTableName(table).ok()) {
    Pipeline pipeline = TRY(Load(*workspace, arguments.pipeline));
    const Task* task = TRY(ChooseTasks(pipeline, {arguments.what})).front().task;
    table = TableOf(*task);
    if (table.empty())
      return Invalid(arguments.what + " has no table of rejects",
                     "give it `rejects: {table: …}`");
  }
  std::string rule = arguments.rule.empty() ? "" : " WHERE _rule = " + SqlLiteral(arguments.rule);
  Statement statement = TRY(PrepareStatement(
      *workspace, "SELECT * FROM " + table + rule + " ORDER BY _rejected_at DESC", {}));
  if (statement.schema.columns.empty()) return kExitUsage;
  TRY(PrintRows(*workspace, statement, arguments.limit, "--limit N shows N"));
  return kExitDone;
}

Result<int> Replay(Invocation& invocation, const RejectsArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  Pipeline pipeline = TRY(Load(*workspace, arguments.pipeline));
  RunOptions options{.tasks = arguments.tasks, .rejects = true};
  if (options.tasks.empty()) {
    for (const Task& task : pipeline.tasks) {
      if (!TableOf(task).empty()) options.tasks.push_back(task.key);
    }
  }
  if (options.tasks.empty()) return Invalid("no task of " + pipeline.name + " has rejects");
  invocation.signals.OutlivePipes();
  std::unique_ptr<RunView> view = MakeRunView(invocation.options, invocation.terminal);
  std::unique_ptr<proof::Witness> witness = TRY(MakeWitness(*workspace, *view));
  Observer& observer = witness ? static_cast<Observer&>(*witness) : *view;
  Runner runner({workspace->env(), workspace->project(), workspace->registry(),
                 *TRY(workspace->engine()), *TRY(workspace->store()), *TRY(workspace->lake()),
                 observer});
  view->Watch([&runner] { return runner.Progress(); });
  Result<Runner::Outcome> outcome = runner.Run(pipeline.file, options, workspace->stop());
  view->Finish();
  if (!outcome.ok()) return outcome.status();
  if (outcome->state == RunState::kSucceeded) return kExitDone;
  return outcome->status.ok() ? kExitFailed : ExitCodeOf(outcome->status, invocation.signals);
}

std::shared_ptr<RejectsArguments> Common(Options& options) {
  auto given = std::make_shared<RejectsArguments>();
  options.Argument("PIPELINE", &given->pipeline,
                   "A file, folder or name; not needed where there is just one",
                   Options::Need::kOptional);
  return given;
}

}  // namespace

Action DeclareRejects(Options& options) {
  std::shared_ptr<RejectsArguments> given = Common(options);
  options.Note("Those that were put aside since the last replay.");
  options.Example("millrace rejects", "how many rows each task put aside, by rule");
  return [given](Invocation& invocation) { return List(invocation, *given); };
}

Action DeclareShowRejects(Options& options) {
  auto given = std::make_shared<RejectsArguments>();
  options.Argument("TASK|TABLE", &given->what, "A task that puts rows aside, or their table");
  options.Argument("PIPELINE", &given->pipeline, "Whose task; not needed where there is just one",
                   Options::Need::kOptional);
  options.Value("--rule", "NAME", &given->rule, "Only rows that this rule put aside");
  options.Value("-n,--limit", "N", &given->limit, "How many rows, the newest first");
  options.Example("millrace rejects show store --rule 'not_null(email)'", "with their reasons");
  return [given](Invocation& invocation) { return Show(invocation, *given); };
}

Action DeclareReplayRejects(Options& options) {
  std::shared_ptr<RejectsArguments> given = Common(options);
  options.Value("-t,--task", "TASK", &given->tasks, "Only this task; all with rejects if none");
  options.Note(
      "The rows that were put aside since the last replay pass the task's checks again: those\n"
      "that do now go to its targets, once; the others are put aside again. Records of a topic\n"
      "that could not be decoded are decoded again; those of files stay where they are.");
  options.Example("millrace rejects replay users -t store", "after a rule was mended");
  return [given](Invocation& invocation) { return Replay(invocation, *given); };
}

}  // namespace millrace
