#include "cli/checked_pipelines.h"

namespace millrace {

std::vector<Pipeline*> CheckedPipelines::pointers() const {
  std::vector<Pipeline*> all;
  for (const auto& pipeline : pipelines) all.push_back(pipeline.get());
  return all;
}

Result<CheckedPipelines> CheckPipelinesAt(Workspace& workspace,
                                          const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) files.push_back(TRY(workspace.FindPipeline(path)));
  if (files.empty()) files = FindPipelines(workspace.project());
  if (files.empty()) TRY(workspace.FindPipeline(""));  // says what to do

  CheckedPipelines checked;
  for (const std::string& file : files) {
    std::optional<Pipeline> pipeline = LoadPipeline(workspace.project(), file, workspace.registry(),
                                                    {}, std::nullopt, checked.diagnostics);
    if (pipeline) checked.pipelines.push_back(std::make_unique<Pipeline>(*std::move(pipeline)));
  }
  checked.connect = TRY(workspace.connect_context());
  checked.context.reset(new CheckContext{*TRY(workspace.engine()), *checked.connect,
                                         workspace.state_folder() + "/schemas.json"});
  CheckPipelines(checked.pointers(), *checked.context, checked.diagnostics);
  return checked;
}

void PrintDiagnostics(Terminal& terminal, const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& each : diagnostics) {
    Style style = each.severity == Severity::kError ? Style::kRed : Style::kYellow;
    terminal.PrintError(terminal.PaintError(style, FormatDiagnostic(each)) + "\n");
  }
}

}  // namespace millrace
