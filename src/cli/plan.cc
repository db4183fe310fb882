// millrace plan
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/plan_table.h"
#include "cli/text_table.h"
#include "cli/words.h"

namespace millrace {

namespace {

class NoObserver : public Observer {
 public:
  void On(const Event&) override {}
};

std::string_view ActionName(TaskPlan::Action action) {
  switch (action) {
    case TaskPlan::Action::kRun: return "run";
    case TaskPlan::Action::kSkip: return "skip";
    case TaskPlan::Action::kComplete: return "complete";
  }
  return "";
}

void PrintJson(Terminal& terminal, const std::vector<TaskPlan>& plans) {
  for (const TaskPlan& plan : plans) {
    Json json = {{"task", ShortTask(plan.task)},
                 {"action", ActionName(plan.action)},
                 {"reason", plan.reason},
                 {"reads", plan.reads},
                 {"writes", plan.writes}};
    if (plan.bytes_in >= 0) json["bytes_in"] = plan.bytes_in;
    terminal.Print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
}

// All of a long list are for programs: --log-format json.
std::string Names(const std::vector<std::string>& names) {
  constexpr size_t kMost = 3;
  if (names.size() <= kMost) return Join(names, ", ");
  return Join({names.begin(), names.begin() + kMost - 1}, ", ") + " and " +
         FormatCount(static_cast<int64_t>(names.size() - kMost + 1)) + " more";
}

void PrintTable(Terminal& terminal, const std::vector<TaskPlan>& plans) {
  TextTable table({{.name = "task", .whole = true},
                   {"action"},
                   {"why"},
                   {.name = "reads", .optional = true, .minor = true},
                   {.name = "size", .right = true, .optional = true},
                   {.name = "writes", .optional = true}});
  size_t skipped = 0;
  for (const TaskPlan& plan : plans) {
    bool skip = plan.action == TaskPlan::Action::kSkip;
    if (skip) ++skipped;
    Style style = skip                                    ? Style::kDim
                  : plan.action == TaskPlan::Action::kRun ? Style::kGreen
                                                          : Style::kYellow;
    table.Add({{ShortTask(plan.task)},
               {std::string(ActionName(plan.action)), style},
               {plan.reason},
               {Names(plan.reads)},
               {plan.bytes_in > 0 ? FormatBytes(plan.bytes_in) : ""},
               {Names(plan.writes)}});
  }
  terminal.Print(table.Format(terminal));
  size_t runs = plans.size() - skipped;
  std::string last =
      runs == 0 ? "Nothing to do: " + Counted(skipped, "task") + " unchanged"
                : Counted(runs, "task") + " to run, " + FormatCount(skipped) + " unchanged";
  terminal.Print("\n" + last + ".\n");
}

}  // namespace

Result<RunOptions> ParseRunOptions(const std::vector<std::string>& tasks,
                                   const std::vector<std::string>& params,
                                   const std::string& logical_date) {
  RunOptions options;
  options.tasks = tasks;
  for (const std::string& param : params) {
    size_t equals = param.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Invalid("--param takes NAME=VALUE, not '" + param + "'",
                     "for example --param day=2026-11-20");
    }
    options.params[param.substr(0, equals)] = param.substr(equals + 1);
  }
  if (!logical_date.empty()) {
    Result<Time> date = ParseTime(logical_date);
    if (!date.ok()) return date.status().In("--logical-date");
    options.logical_date = *date;
  }
  return options;
}

Result<int> PrintPlan(Workspace& workspace, const std::string& pipeline,
                      const RunOptions& options) {
  std::string file = TRY(workspace.FindPipeline(pipeline));
  NoObserver observer;
  Runner runner({workspace.env(), workspace.project(), workspace.registry(),
                 *TRY(workspace.engine()), *TRY(workspace.store()), *TRY(workspace.lake()),
                 observer});
  std::vector<TaskPlan> plans = TRY(runner.Plan(file, options, workspace.stop()));
  if (workspace.options().log_format == "json") {
    PrintJson(workspace.terminal(), plans);
  } else {
    PrintTable(workspace.terminal(), plans);
  }
  return kExitDone;
}

Action DeclarePlan(Options& options) {
  struct Arguments {
    std::string pipeline, logical_date;
    std::vector<std::string> tasks, params;
    bool force = false, full_refresh = false;
  };
  auto given = std::make_shared<Arguments>();
  options.Argument("PIPELINE", &given->pipeline,
                   "A file, folder or name; not needed where there is just one",
                   Options::Need::kOptional);
  options.Value("-t,--task", "TASK", &given->tasks, "Only this task");
  options.Value("-p,--param", "NAME=VALUE", &given->params, "A parameter of the pipeline");
  options.Flag("--force", &given->force, "As if everything had changed");
  options.Flag("--full-refresh", &given->full_refresh, "As run --full-refresh would do");
  options.Value("--logical-date", "DATE", &given->logical_date, "The date that the run stands for");
  options.Example("millrace plan", "what `millrace run` would do, and why");
  options.Example("millrace plan flights --log-format json", "for a program");
  return [given](Invocation& invocation) -> Result<int> {
    RunOptions run = TRY(ParseRunOptions(given->tasks, given->params, given->logical_date));
    run.force = given->force;
    run.full_refresh = given->full_refresh;
    std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
    return PrintPlan(*workspace, given->pipeline, run);
  };
}

}  // namespace millrace
