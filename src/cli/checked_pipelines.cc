#include "cli/checked_pipelines.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace millrace {

namespace {

namespace fs = std::filesystem;

std::string Absolute(const std::string& path) {
  std::error_code error;
  fs::path absolute = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? path : absolute.string();
}

std::vector<std::unique_ptr<Pipeline>> Load(Workspace& workspace,
                                            const std::vector<std::string>& files,
                                            Diagnostics& diagnostics) {
  std::vector<std::unique_ptr<Pipeline>> loaded;
  for (const std::string& file : files) {
    std::optional<Pipeline> pipeline = LoadPipeline(workspace.project(), file, workspace.registry(),
                                                    {}, std::nullopt, diagnostics);
    if (pipeline) loaded.push_back(std::make_unique<Pipeline>(*std::move(pipeline)));
  }
  return loaded;
}

// Whose file it is: the pipeline file itself, or the nearest folder's.
const Pipeline* Owner(const std::string& file, const std::vector<Pipeline*>& pipelines) {
  std::string path = Absolute(file);
  const Pipeline* owner = nullptr;
  size_t longest = 0;
  for (const Pipeline* pipeline : pipelines) {
    if (Absolute(pipeline->file) == path) return pipeline;
    std::string folder = Absolute(pipeline->folder) + "/";
    if (!path.starts_with(folder) || folder.size() <= longest) continue;
    longest = folder.size();
    owner = pipeline;
  }
  return owner;
}

std::vector<Pipeline*> Pointers(const std::vector<std::unique_ptr<Pipeline>>& pipelines) {
  std::vector<Pipeline*> pointers;
  for (const auto& pipeline : pipelines) pointers.push_back(pipeline.get());
  return pointers;
}

}  // namespace

std::vector<Pipeline*> CheckedPipelines::Others(const Pipeline* than) const {
  std::vector<Pipeline*> all = Pointers(pipelines);
  for (Pipeline* sibling : Pointers(siblings)) all.push_back(sibling);
  std::erase(all, than);
  return all;
}

Result<CheckedPipelines> CheckPipelinesAt(Workspace& workspace,
                                          const std::vector<std::string>& paths) {
  std::vector<std::string> files, others;
  for (const std::string& path : paths) files.push_back(TRY(workspace.FindPipeline(path)));
  if (files.empty()) files = FindPipelines(workspace.project());
  if (files.empty()) TRY(workspace.FindPipeline(""));  // says what to do
  std::set<std::string> chosen;
  for (const std::string& file : files) chosen.insert(Absolute(file));
  for (const std::string& file : FindPipelines(workspace.project())) {
    if (!chosen.contains(Absolute(file))) others.push_back(file);
  }

  workspace.WarmUpEngine();
  CheckedPipelines checked;
  Diagnostics of_others, found;
  checked.pipelines = Load(workspace, files, checked.diagnostics);
  checked.siblings = Load(workspace, others, of_others);
  // Another file of the same pipeline is what it was or will be, not one beside it.
  std::erase_if(checked.siblings, [&](const auto& sibling) {
    return std::any_of(checked.pipelines.begin(), checked.pipelines.end(),
                       [&](const auto& asked) { return asked->name == sibling->name; });
  });
  checked.connect = TRY(workspace.connect_context());
  checked.context.reset(new CheckContext{*TRY(workspace.engine()), *checked.connect,
                                         workspace.state_folder() + "/schemas.json"});
  std::vector<Pipeline*> all = checked.Others(nullptr);
  CheckPipelines(all, *checked.context, found);
  std::vector<Pipeline*> siblings = Pointers(checked.siblings);
  for (const Diagnostic& each : found.all()) {
    const Pipeline* owner = Owner(each.place.file, all);
    if (std::find(siblings.begin(), siblings.end(), owner) != siblings.end()) continue;
    if (each.severity == Severity::kError)
      checked.diagnostics.Error(each.place, each.message, each.hint);
    else
      checked.diagnostics.Warn(each.place, each.message, each.hint);
  }
  return checked;
}

void PrintDiagnostics(Terminal& terminal, const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& each : diagnostics) {
    Style style = each.severity == Severity::kError ? Style::kRed : Style::kYellow;
    terminal.PrintError(terminal.PaintError(style, FormatDiagnostic(each)) + "\n");
  }
}

}  // namespace millrace
