// millrace preview
#include <algorithm>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/preview_task.h"
#include "cli/statement.h"
#include "cli/words.h"
#include "pipeline/pipeline.h"

namespace millrace {

namespace {

constexpr std::string_view kMore = "--limit N shows N";

struct PreviewArguments {
  std::string what, pipeline;
  std::vector<std::string> params;
  int limit = 20;
};

Result<int> PreviewTable(Workspace& workspace, const std::string& name, int limit) {
  Statement statement = TRY(PrepareStatement(workspace, "SELECT * FROM " + name, {}));
  if (statement.schema.columns.empty()) return kExitUsage;
  TRY(PrintRows(workspace, statement, limit, kMore));
  return kExitDone;
}

Result<int> Preview(Invocation& invocation, const PreviewArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::string lower = ToLower(arguments.what);
  if (lower.starts_with("millrace.")) return PreviewTable(*workspace, lower, arguments.limit);
  if (Result<TableName> name = ParseTableName(arguments.what); name.ok()) {
    return PreviewTable(*workspace, name->ToString(), arguments.limit);
  }
  TaskPreview task =
      TRY(OpenTaskPreview(*workspace, arguments.what, arguments.pipeline, arguments.params));
  TRY(PrintRows(*workspace, task.statement, arguments.limit, kMore));
  return kExitDone;
}

}  // namespace

Action DeclarePreview(Options& options) {
  auto given = std::make_shared<PreviewArguments>();
  options.Argument("TABLE|TASK", &given->what,
                   "A lake table, or a task whose rows are made but not written");
  options.Argument("PIPELINE", &given->pipeline, "Whose task; not needed where only one has it",
                   Options::Need::kOptional);
  options.Value("-n,--limit", "N", &given->limit, "How many rows");
  options.Value("-p,--param", "NAME=VALUE", &given->params, "A parameter of the pipeline");
  options.Example("millrace preview bronze.flights", "the first rows of a table");
  options.Example("millrace preview silver_flights -n 5", "what the task's SQL gives now");
  return [given](Invocation& invocation) { return Preview(invocation, *given); };
}

}  // namespace millrace
