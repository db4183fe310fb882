// millrace schema
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "connect/registry.h"
#include "pipeline/pipeline.h"

namespace millrace {

namespace {

Result<int> PrintSchema(Invocation& invocation, const std::string& which) {
  Registry registry;
  RegisterAll(registry);
  if (which == "project") {
    invocation.terminal.Print(ProjectJsonSchema(registry).dump(2) + "\n");
    return kExitDone;
  }
  if (!which.empty() && which != "pipeline") {
    return Invalid("there is no schema '" + which + "'", "there are: pipeline, project");
  }
  invocation.terminal.Print(PipelineJsonSchema(registry).dump(2) + "\n");
  return kExitDone;
}

}  // namespace

Action DeclareSchema(Options& options) {
  auto which = std::make_shared<std::string>();
  options.Argument("FILE", which.get(), "pipeline (default) or project", Options::Need::kOptional);
  options.Note(
      "An editor with a YAML language server completes and checks the file when its first line "
      "says\n"
      "  # yaml-language-server: $schema=pipeline.schema.json");
  options.Example("millrace schema > pipeline.schema.json", "of pipeline.yml");
  options.Example("millrace schema project", "of millrace.yml");
  return [which](Invocation& invocation) { return PrintSchema(invocation, *which); };
}

}  // namespace millrace
