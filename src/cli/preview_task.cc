#include "cli/preview_task.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cli/plan_table.h"
#include "cli/words.h"
#include "pipeline/pipeline.h"

namespace millrace {

namespace {

struct Found {
  Pipeline pipeline;
  Task task;
};

Result<Found> FindTask(Workspace& workspace, const std::string& name,
                       const std::string& pipeline_name, const RunOptions& options,
                       const RunValues& run) {
  std::vector<std::string> files;
  if (pipeline_name.empty())
    files = FindPipelines(workspace.project());
  else
    files.push_back(TRY(workspace.FindPipeline(pipeline_name)));
  if (files.empty()) TRY(workspace.FindPipeline(""));
  std::vector<std::string> known;
  for (const std::string& file : files) {
    Diagnostics diagnostics;
    std::optional<Pipeline> pipeline = LoadPipeline(workspace.project(), file, workspace.registry(),
                                                    options.params, run, diagnostics);
    if (!pipeline) return diagnostics.ToStatus();
    for (const Task& task : pipeline->tasks) {
      if (ShortTask(task.key) == name || task.name == name) return Found{*pipeline, task};
      known.push_back(ShortTask(task.key));
    }
  }
  std::string closest = Closest(name, known);
  return NotFound(
      "there is no table or task '" + name + "'",
      !closest.empty() ? "did you mean '" + closest + "'?" : "tasks are: " + Join(known, ", "));
}

Status DefineInput(TaskPreview& preview, const Input& input, std::stop_token stop) {
  std::unique_ptr<Source> source = TRY(input.make(*preview.connect));
  Range range;
  range.end = TRY(source->Latest(std::nullopt, stop));
  TRY(source->Open(range, stop));
  Session& session = *preview.statement.session;
  std::optional<Sql> native = TRY(source->NativeScan(session));
  if (native) {
    TRY(session.Define(input.name, *native));
  } else {
    // Read once only, and a query and its count need it twice.
    std::string rows = input.name + "_rows";
    TRY(session.Bind(rows, ReadBySource(*source), stop));
    TRY(session.Materialize(input.name, {"SELECT * FROM " + SqlName(rows)}, stop));
  }
  preview.sources.push_back(std::move(source));
  return Status::Ok();
}

}  // namespace

Result<TaskPreview> OpenTaskPreview(Workspace& workspace, const std::string& name,
                                    const std::string& pipeline,
                                    const std::vector<std::string>& params) {
  RunOptions options = TRY(ParseRunOptions({}, params, ""));
  Time now = workspace.env().clock.Now();
  Found found = TRY(FindTask(workspace, name, pipeline, options, {"preview", now, now, now}));
  const Task& task = found.task;
  if (!task.command.empty())
    return Invalid("'" + task.key + "' is a command: it has no rows to show");
  TaskPreview preview;
  preview.connect = TRY(workspace.connect_context());
  preview.connect->folder = found.pipeline.folder;
  preview.connect->task = task.key;
  preview.connect->engine = TRY(workspace.engine());
  preview.statement.session = TRY(TRY(workspace.engine())->Open("preview " + task.key));
  for (const Input& input : task.inputs) {
    Status defined = DefineInput(preview, input, workspace.stop());
    if (!defined.ok()) return defined.In(task.key);
  }
  preview.statement.sql.text = task.sql.empty() ? "SELECT * FROM input" : task.sql;
  std::vector<std::string> names;
  StatementNames read = TRY(preview.statement.session->NamesIn(preview.statement.sql));
  for (const TableRef& ref : read.tables) {
    bool input = std::any_of(task.inputs.begin(), task.inputs.end(),
                             [&](const Input& each) { return each.name == ref.name; });
    if (!input) names.push_back(ref.name);
  }
  TRY(DefineTables(workspace, *preview.statement.session, names, {}));
  Description description = TRY(preview.statement.session->Describe(preview.statement.sql));
  if (!description.ok())
    return Invalid(task.key + ": " + description.errors.front().message, "see: millrace validate");
  preview.statement.schema = std::move(description.schema);
  return preview;
}

}  // namespace millrace
