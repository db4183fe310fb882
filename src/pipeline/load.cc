#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/text.h"
#include "pipeline/cron.h"
#include "pipeline/files.h"
#include "pipeline/graph.h"
#include "pipeline/names.h"
#include "pipeline/pipeline.h"
#include "pipeline/specs.h"
#include "pipeline/task.h"
#include "pipeline/yaml_tree.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

constexpr const char* kRunValues[] = {"run.id", "run.logical_date", "run.data_interval_start",
                                      "run.data_interval_end"};

std::map<std::string, std::string> RunVariables(const RunValues& run) {
  return {{"run.id", run.id},
          {"run.logical_date", FormatTime(run.logical_date)},
          {"run.data_interval_start", FormatTime(run.interval_start)},
          {"run.data_interval_end", FormatTime(run.interval_end)}};
}

std::optional<YamlNode> ReadRoot(const std::string& file, Diagnostics& diagnostics) {
  Result<std::string> text = ReadTextFile(file);
  if (!text.ok()) {
    diagnostics.Error({file}, text.status().message(), text.status().hint());
    return std::nullopt;
  }
  size_t errors = diagnostics.ErrorCount();
  YamlNode root = ParseYaml(*text, file, diagnostics);
  if (diagnostics.ErrorCount() != errors) return std::nullopt;
  if (root.IsMap()) return WithoutExtensions(root);
  diagnostics.Error({file, 1, 1},
                    root.IsNull() ? "the file is empty" : "a pipeline file must be a map",
                    "begin with `name:` and `tasks:`");
  return std::nullopt;
}

// Variables, secrets and run values for a file in `folder`, whose own `vars` may use the others.
Values PipelineValues(const Project& project, const YamlNode& root, const std::string& folder,
                      Diagnostics& diagnostics) {
  VariableLayers layers = project.layers;
  if (folder != project.folder) {
    for (auto& [name, value] : ReadDotEnv(folder, diagnostics)) layers.dotenv[name] = value;
  }
  Values values = project.values;
  values.variables = layers.Merged();
  for (const char* name : kRunValues) values.keep.push_back(name);
  const YamlNode* vars = root.Find("vars");
  if (!vars || !vars->IsMap()) return values;
  for (const auto& [name, value] : Interpolate(*vars, values, diagnostics).entries) {
    if (value.IsScalar()) layers.vars[name.scalar] = value.scalar;
  }
  values.variables = layers.Merged();
  return values;
}

// The fields of the file but its tasks, values replaced.
std::optional<PipelineConfig> ReadConfig(const YamlNode& root, const Values& values,
                                         Diagnostics& diagnostics) {
  YamlNode node = root;
  for (auto& [key, value] : node.entries) {
    if (key.scalar != "tasks") value = Interpolate(value, values, diagnostics);
  }
  return PipelineFileSpec().Parse(node, diagnostics);
}

void CheckGivenParams(const YamlNode& root, const std::map<std::string, std::string>& given,
                      const std::string& file, Diagnostics& diagnostics) {
  std::set<std::string> known;
  auto add = [&known](const YamlNode* params) {
    if (!params) return;
    for (const auto& [name, value] : params->entries) known.insert(name.scalar);
  };
  add(root.Find("params"));
  if (const YamlNode* tasks = root.Find("tasks")) {
    for (const YamlNode& task : tasks->items) add(task.Find("params"));
  }
  for (const auto& [name, value] : given) {
    if (known.contains(name)) continue;
    std::string hint = SuggestName(name, {known.begin(), known.end()});
    diagnostics.Error({file}, "there is no parameter '" + name + "'",
                      hint.empty() ? "declare it under `params:`" : hint);
  }
}

void ReadTasks(TaskScope& scope) {
  const YamlNode& list = scope.config.tasks;
  if (!list.IsList() || list.items.empty()) {
    scope.diagnostics.Error(list.place, "'tasks' must be a list of tasks",
                            "write `tasks:` and below it `- name: …`");
    return;
  }
  std::map<std::string, Place> names;
  for (const YamlNode& node : list.items) {
    if (!node.IsMap()) {
      scope.diagnostics.Error(node.place, "a task must be a map", "begin it with `- name: …`");
      continue;
    }
    if (const YamlNode* name = node.Find("name"); name && name->IsScalar()) {
      auto [first, is_new] = names.emplace(name->scalar, name->place);
      if (!is_new) {
        scope.diagnostics.Error(name->place, "there are two tasks named '" + name->scalar + "'",
                                "the other is in line " + std::to_string(first->second.line));
        continue;
      }
    }
    size_t errors = scope.diagnostics.ErrorCount();
    for (Task& task : ReadTask(node, scope)) scope.pipeline.tasks.push_back(std::move(task));
    const YamlNode* name = node.Find("name");
    if (scope.diagnostics.ErrorCount() != errors)
      scope.pipeline.faulty.push_back(name ? name->scalar : "");
  }
}

// Every name under `after` is a task, or a member of a matrix: also of tasks that could not be
// read.
void CheckAfter(TaskScope& scope) {
  const Pipeline& pipeline = scope.pipeline;
  std::vector<std::string> names = pipeline.faulty;
  for (const Task& task : pipeline.tasks) {
    if (std::find(names.begin(), names.end(), task.name) == names.end()) names.push_back(task.name);
  }
  for (const auto& [wanted, place] : scope.afters) {
    std::string name = wanted.substr(0, wanted.find('['));
    bool known = std::find(names.begin(), names.end(), name) != names.end();
    bool faulty =
        std::find(pipeline.faulty.begin(), pipeline.faulty.end(), name) != pipeline.faulty.end();
    if (known && (name == wanted || faulty || pipeline.Find(pipeline.name + "/" + wanted)))
      continue;
    scope.diagnostics.Error(
        place, "'after': there is no task '" + wanted + "'",
        known ? "the matrix of '" + name + "' has no such member" : SuggestName(wanted, names));
  }
}

void CheckSchedule(const Pipeline& pipeline, const YamlNode& root, Diagnostics& diagnostics) {
  if (pipeline.schedule.empty() || pipeline.schedule == "@continuous") return;
  auto cron = Cron::Parse(pipeline.schedule, pipeline.timezone);
  if (cron.ok()) return;
  const YamlNode* schedule = root.Find("schedule");
  diagnostics.Error(schedule ? schedule->place : Place{pipeline.file}, cron.status().message(),
                    cron.status().hint());
}

}  // namespace

bool Pipeline::AnyContinuous() const {
  return std::any_of(tasks.begin(), tasks.end(),
                     [](const Task& task) { return task.trigger.continuous; });
}

const Task* Pipeline::Find(std::string_view key) const {
  for (const Task& task : tasks) {
    if (task.key == key) return &task;
  }
  return nullptr;
}

std::optional<Pipeline> LoadPipeline(const Project& project, const std::string& file,
                                     const Registry& registry,
                                     const std::map<std::string, std::string>& params,
                                     const std::optional<RunValues>& run,
                                     Diagnostics& diagnostics) {
  std::optional<YamlNode> root = ReadRoot(file, diagnostics);
  if (!root) return std::nullopt;
  std::error_code error;
  Pipeline pipeline;
  pipeline.file = file;
  pipeline.folder = fs::absolute(file, error).lexically_normal().parent_path().string();
  Values values = PipelineValues(project, *root, pipeline.folder, diagnostics);
  CheckGivenParams(*root, params, file, diagnostics);
  YamlNode param_node;
  if (const YamlNode* written = root->Find("params"))
    param_node = Interpolate(*written, values, diagnostics);
  pipeline.params = ReadParams(param_node, {}, params, diagnostics);
  for (const auto& [name, value] : pipeline.params) values.variables["params." + name] = value;

  std::optional<PipelineConfig> config = ReadConfig(*root, values, diagnostics);
  Diagnostics told;  // with the other faults of millrace.yml
  Connections connections(project.connections, registry, told);
  TaskScope scope{.registry = registry,
                  .connections = connections,
                  .pipeline = pipeline,
                  .shown_folder = fs::path(file).parent_path().string(),
                  .config = config.value_or(PipelineConfig{}),
                  .values = values,
                  .run = run ? RunVariables(*run) : std::map<std::string, std::string>(),
                  .given_params = params,
                  .diagnostics = diagnostics};
  pipeline.name = scope.config.name;
  if (!scope.config.retry.IsNull()) (void)RetrySpec().Parse(scope.config.retry, diagnostics);
  if (config && !IsTaskName(pipeline.name)) {
    const YamlNode* name = root->Find("name");
    diagnostics.Error(name ? name->place : Place{file},
                      "'" + pipeline.name + "' is not a name for a pipeline",
                      "use letters, digits, _ and -, and begin with a letter");
  }
  // Tasks are read even when the head of the file is wrong: every mistake is told at once.
  if (!config && root->Find("tasks")) scope.config.tasks = *root->Find("tasks");
  if (config || root->Find("tasks")) ReadTasks(scope);
  pipeline.description = scope.config.description;
  pipeline.schedule = scope.config.schedule;
  pipeline.timezone = scope.config.timezone;
  CheckSchedule(pipeline, *root, diagnostics);
  CheckAfter(scope);
  BuildGraph(pipeline, diagnostics);
  return pipeline;
}

std::string ResolveRun(std::string_view text, const RunValues& run) {
  std::string resolved(text);
  for (const auto& [name, value] : RunVariables(run)) {
    std::string wanted = "${" + name + "}";
    size_t at = 0;
    while ((at = resolved.find(wanted, at)) != std::string::npos) {
      bool escaped = at > 0 && resolved[at - 1] == '$';
      const std::string& shown = escaped ? wanted : value;
      if (escaped) resolved.erase(--at, 1);
      resolved.replace(at, wanted.size(), shown);
      at += shown.size();
    }
  }
  return resolved;
}

}  // namespace millrace
