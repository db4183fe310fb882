// millrace validate
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/checked_pipelines.h"
#include "cli/command.h"
#include "cli/words.h"

namespace millrace {

namespace {

struct ValidateArguments {
  std::vector<std::string> paths;
  std::string format = "text";
  bool online = false;
};

struct Counts {
  size_t errors = 0, warnings = 0, tasks = 0, pipelines = 0;
  std::set<std::string> files;  // with faults
};

Counts Count(const std::vector<Diagnostic>& diagnostics) {
  Counts counts;
  for (const Diagnostic& each : diagnostics) {
    ++(each.severity == Severity::kError ? counts.errors : counts.warnings);
    counts.files.insert(each.place.file);
  }
  return counts;
}

void PrintText(Invocation& invocation, const std::vector<Diagnostic>& diagnostics,
               const Counts& counts) {
  Terminal& terminal = invocation.terminal;
  PrintDiagnostics(terminal, diagnostics);
  if (invocation.options.quiet) return;
  std::string last;
  if (counts.errors == 0) {
    last = "ok: " + Counted(counts.tasks, "task") + " in " + Counted(counts.pipelines, "pipeline");
    if (counts.warnings > 0) last += ", " + Counted(counts.warnings, "warning");
    last = terminal.Paint(Style::kGreen, last);
  } else {
    last = Counted(counts.errors, "error") + ", " + Counted(counts.warnings, "warning") + " in " +
           Counted(counts.files.size(), "file");
  }
  terminal.Print(last + "\n");
}

void PrintJson(Terminal& terminal, const std::vector<Diagnostic>& diagnostics,
               const Counts& counts) {
  Json list = Json::array();
  for (const Diagnostic& each : diagnostics) {
    Json json = {{"severity", each.severity == Severity::kError ? "error" : "warning"},
                 {"file", each.place.file},
                 {"line", each.place.line},
                 {"column", each.place.column},
                 {"message", each.message}};
    if (!each.hint.empty()) json["hint"] = each.hint;
    list.push_back(std::move(json));
  }
  Json json = {{"errors", counts.errors},
               {"warnings", counts.warnings},
               {"tasks", counts.tasks},
               {"pipelines", counts.pipelines},
               {"diagnostics", std::move(list)}};
  terminal.Print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Tell(const Place& place, const std::string& what, const Status& status,
          Diagnostics& diagnostics) {
  if (!status.ok()) diagnostics.Error(place, what + ": " + status.message(), status.hint());
}

Status AcceptsRows(const Target& target, const std::optional<Schema>& schema,
                   ConnectContext& context, std::stop_token stop) {
  std::unique_ptr<Sink> sink = TRY(target.make(context));
  return schema && sink->TakesRows() ? sink->Accepts(*schema, stop) : sink->Probe(stop);
}

// Asks every source and every target, each with the rows' shape where it is known.
Status AskServers(Workspace& workspace, CheckedPipelines& checked) {
  std::unique_ptr<ConnectContext> context = TRY(workspace.connect_context());
  for (const auto& pipeline : checked.pipelines) {
    context->folder = pipeline->folder;
    for (const Task& task : pipeline->tasks) {
      context->task = task.key;
      for (const Input& input : task.inputs) {
        auto source = input.make(*context);
        Status status = source.ok() ? (*source)->Probe(workspace.stop()) : source.status();
        Tell(input.place, "input '" + input.name + "'", status, checked.diagnostics);
      }
      auto ask = [&](const Target& target, const std::optional<Schema>& schema) {
        Tell(target.place, target.connector,
             AcceptsRows(target, schema, *context, workspace.stop()), checked.diagnostics);
      };
      for (const Target& target : task.targets) ask(target, task.schema);
      for (const Target& target : task.rejects) ask(target, std::nullopt);
      if (workspace.stop().stop_requested()) return Canceled();
    }
  }
  return Status::Ok();
}

Result<int> Validate(Invocation& invocation, const ValidateArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  CheckedPipelines checked = TRY(CheckPipelinesAt(*workspace, arguments.paths));
  if (arguments.online && !checked.diagnostics.HasErrors()) TRY(AskServers(*workspace, checked));
  std::vector<Diagnostic> sorted = checked.diagnostics.Sorted();
  Counts counts = Count(sorted);
  counts.pipelines = checked.pipelines.size();
  for (const auto& pipeline : checked.pipelines) counts.tasks += pipeline->tasks.size();
  if (arguments.format == "json") {
    PrintJson(invocation.terminal, sorted, counts);
  } else {
    PrintText(invocation, sorted, counts);
  }
  return counts.errors > 0 ? kExitUsage : kExitDone;
}

}  // namespace

Action DeclareValidate(Options& options) {
  auto given = std::make_shared<ValidateArguments>();
  options.Arguments("PIPELINE", &given->paths,
                    "Files, folders or names; all of the project unless given");
  options.Choice("-f,--format", &given->format, {"text", "json"}, "How mistakes are told");
  options.Flag("--online", &given->online,
               "Ask the servers, too: whether they answer, and would take the rows' shape");
  options.Note(
      "Works offline: fields, values, SQL, tables, columns and types through the whole chain of "
      "tasks.");
  options.Example("millrace validate", "the whole project");
  options.Example("millrace validate --online", "sources, targets and schemas on their servers");
  options.Example("millrace validate orders.yml --format json", "for a program");
  return [given](Invocation& invocation) { return Validate(invocation, *given); };
}

}  // namespace millrace
