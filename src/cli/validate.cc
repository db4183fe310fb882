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

Result<int> Validate(Invocation& invocation, const ValidateArguments& arguments) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  CheckedPipelines checked = TRY(CheckPipelinesAt(*workspace, arguments.paths));
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
  options.Note(
      "Works offline: fields, values, SQL, tables, columns and types through the whole chain of "
      "tasks.");
  options.Example("millrace validate", "the whole project");
  options.Example("millrace validate orders.yml --format json", "for a program");
  return [given](Invocation& invocation) { return Validate(invocation, *given); };
}

}  // namespace millrace
