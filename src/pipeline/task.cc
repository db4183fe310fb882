#include "pipeline/task.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "pipeline/columns.h"
#include "pipeline/cron.h"
#include "pipeline/ends.h"
#include "pipeline/files.h"
#include "pipeline/matrix.h"
#include "pipeline/names.h"
#include "pipeline/yaml_tree.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

// Reads one member of a task's matrix.
class TaskReader {
 public:
  TaskReader(const YamlNode& node, const Combination& combination, TaskScope& scope)
      : raw_(node), scope_(scope), diagnostics_(scope.diagnostics) {
    task_.matrix = combination;
    task_.place = node.place;
  }

  static constexpr std::string_view kContinuous = "@continuous";

  Task Read() {
    errors_before_ = diagnostics_.ErrorCount();
    ReadFields();
    ReadNames();
    ReadTrigger();
    ReadSql();
    ReadEnds();
    ReadPolicies();
    ReadDeclared();
    CheckShape();
    if (diagnostics_.ErrorCount() == errors_before_) task_.definition = Definition();
    return std::move(task_);
  }

 private:
  // Values replaced, except in `sql`, which keeps track of its places itself.
  void ReadFields() {
    values_ = scope_.values;
    for (const auto& [name, value] : task_.matrix) values_.variables["matrix." + name] = value;
    if (const YamlNode* params = raw_.Find("params"); params && !params->IsNull()) {
      YamlNode replaced = Interpolate(*params, values_, diagnostics_);
      for (auto& [name, value] :
           ReadParams(replaced, scope_.pipeline.params, scope_.given_params, diagnostics_)) {
        values_.variables["params." + name] = value;
      }
    }
    sql_values_ = values_;
    for (const auto& [name, value] : scope_.run) values_.variables[name] = value;
    if (!scope_.run.empty()) values_.keep.clear();
    YamlNode node = raw_;
    for (auto& [key, value] : node.entries) {
      if (key.scalar != "sql" && key.scalar != "matrix")
        value = Interpolate(value, values_, diagnostics_);
    }
    std::optional<TaskConfig> config = TaskSpec().Parse(node, diagnostics_);
    config_ = config ? *std::move(config) : WhatCanBeRead(node);
  }

  // Of a task with a wrong field: the others may be wrong, too, and that is to be told at once.
  static TaskConfig WhatCanBeRead(const YamlNode& node) {
    TaskConfig config;
    auto read = [&](const char* field, YamlNode& into) {
      if (const YamlNode* value = node.Find(field)) into = *value;
    };
    read("from", config.from);
    read("sql", config.sql);
    read("checks", config.checks);
    read("to", config.to);
    read("rejects", config.rejects);
    read("command", config.command);
    read("retry", config.retry);
    read("columns", config.columns);
    if (const YamlNode* name = node.Find("name")) config.name = name->scalar;
    return config;
  }

  void ReadNames() {
    task_.name = config_.name;
    if (!task_.name.empty() && !IsTaskName(task_.name)) {
      diagnostics_.Error(PlaceOfField("name"), "'" + task_.name + "' is not a name for a task",
                         "use letters, digits, _ and -, and begin with a letter");
    }
    task_.key = scope_.pipeline.name + "/" + task_.name + MatrixSuffix(task_.matrix);
    task_.after = config_.after;
    for (const std::string& name : task_.after)
      scope_.afters.emplace_back(name, PlaceOfField("after"));
    task_.tests = config_.tests;
    task_.metadata = config_.metadata ? config_.metadata : scope_.config.defaults.metadata;
  }

  void ReadTrigger() {
    Trigger& trigger = task_.trigger;
    bool scheduled = config_.trigger == TriggerKind::kScheduled;
    bool all = scope_.config.schedule == kContinuous || config_.schedule == kContinuous;
    trigger.continuous = config_.trigger == TriggerKind::kContinuous || config_.every ||
                         (all && !scheduled && config_.command.IsNull());
    trigger.batch = {.rows = config_.batch.rows, .bytes = config_.batch.bytes.count};
    if (scheduled && config_.every) {
      diagnostics_.Error(PlaceOfField("every"), "'every' is for tasks that are continuous",
                         "write `schedule:`, or leave `trigger` out");
    }
    if (trigger.continuous) {
      if (config_.schedule.empty() || config_.schedule == kContinuous) return;
      diagnostics_.Error(PlaceOfField("schedule"), "a continuous task has no schedule",
                         "leave one of the two out");
      return;
    }
    trigger.schedule = config_.schedule.empty() ? scope_.config.schedule : config_.schedule;
    if (trigger.schedule == kContinuous) trigger.schedule.clear();
    if (config_.schedule.empty()) return;  // the pipeline's is looked at there
    auto cron = Cron::Parse(config_.schedule, scope_.config.timezone);
    if (!cron.ok())
      diagnostics_.Error(PlaceOfField("schedule"), cron.status().message(), cron.status().hint());
  }

  // Small files make a table of the lake slow, and some sources do not want to be asked too often.
  Micros DefaultPause() const {
    constexpr Micros kLakePause = std::chrono::milliseconds(500);
    constexpr Micros kPause = std::chrono::milliseconds(50);
    Micros pause = task_.writes.empty() ? kPause : kLakePause;
    for (const Input& input : task_.inputs) pause = std::max(pause, input.traits.pause);
    return pause;
  }

  // A continuous task over one table wants its new rows.
  static void TakeNewRowsOfOneTable(std::vector<Input>& inputs) {
    if (inputs.size() != 1 || !inputs[0].traits.can_be_incremental) return;
    if (!inputs[0].traits.incremental) inputs[0].traits.incremental = true;
  }

  // Batch by batch only what is new can come, and what is there must stay.
  void CheckContinuous() {
    if (!task_.trigger.continuous) return;
    task_.trigger.every = config_.every.value_or(DefaultPause());
    if (!config_.command.IsNull()) {
      diagnostics_.Error(PlaceOfField("command"), "a command is not continuous",
                         "give it a `schedule`");
      return;
    }
    bool news = std::any_of(task_.inputs.begin(), task_.inputs.end(),
                            [](const Input& input) { return input.incremental; });
    if (news || !task_.inputs_known || diagnostics_.ErrorCount() != errors_before_) return;
    diagnostics_.Error(config_.from.IsNull() ? raw_.place : PlaceOfField("from"),
                       "a continuous task needs an input that brings only what is new",
                       "a table with `incremental: true`, say, a topic, or files; targets append "
                       "or merge");
  }

  void ReadSql() {
    if (config_.sql.IsNull()) return;
    if (!config_.sql.IsScalar()) {
      diagnostics_.Error(config_.sql.place,
                         "'sql' must be a SELECT statement or the path of a .sql file");
      return;
    }
    std::string_view text = Trim(config_.sql.scalar);
    bool file = text.ends_with(".sql") && text.find_first_of(" \n") == std::string_view::npos;
    task_.sql_source =
        file ? ReadSqlFile() : SqlText::Inline(config_.sql, sql_values_, diagnostics_);
    task_.sql = task_.sql_source.text();
    if (task_.sql.empty() && !config_.sql.broken && (!file || sql_file_read_)) {
      diagnostics_.Error(config_.sql.place, "'sql' has no statement");
    }
  }

  SqlText ReadSqlFile() {
    YamlNode path_node = Interpolate(config_.sql, values_, diagnostics_);
    if (path_node.broken) return {};
    std::string path(Trim(path_node.scalar));
    fs::path full = fs::path(scope_.pipeline.folder) / path;
    Result<std::string> text = ReadTextFile(full.string());
    if (!text.ok()) {
      std::vector<std::string> there;
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(full.parent_path(), error)) {
        if (entry.path().extension() == ".sql") {
          there.push_back((fs::path(path).parent_path() / entry.path().filename()).string());
        }
      }
      bool missing = text.code() == Code::kNotFound;
      diagnostics_.Error(config_.sql.place,
                         missing ? "there is no file '" + path + "'" : text.status().message(),
                         missing ? SuggestName(path, there) : text.status().hint());
      return {};
    }
    sql_file_read_ = true;
    std::string shown = (fs::path(scope_.shown_folder) / path).lexically_normal().string();
    return SqlText::File(*text, shown, sql_values_, diagnostics_);
  }

  void ReadEnds() {
    size_t errors = diagnostics_.ErrorCount();
    task_.inputs = ParseInputs(config_.from, scope_.registry, scope_.connections, diagnostics_);
    task_.inputs_known = diagnostics_.ErrorCount() == errors && !config_.from.broken;
    if (task_.trigger.continuous) TakeNewRowsOfOneTable(task_.inputs);
    default_mode_ = task_.trigger.continuous ? "append" : DefaultMode(task_.inputs);
    for (const TargetNode& node : ReadTargets(config_.to, true, scope_.registry, diagnostics_)) {
      auto target = ParseTarget(node, default_mode_, scope_.connections, sql_values_, diagnostics_);
      if (target) task_.targets.push_back(*std::move(target));
    }
    DecideIncremental(task_, diagnostics_);
    bool any_replaces = std::any_of(task_.targets.begin(), task_.targets.end(),
                                    [](const Target& target) { return target.traits.replaces; });
    for (const TargetNode& node :
         ReadTargets(config_.rejects, false, scope_.registry, diagnostics_)) {
      auto target = ParseTarget(node, any_replaces ? "replace" : "append", scope_.connections,
                                sql_values_, diagnostics_);
      if (target) task_.rejects.push_back(*std::move(target));
    }
    task_.checks = ParseChecks(config_.checks, !config_.rejects.IsNull(), diagnostics_);
    for (const Input& input : task_.inputs) {
      if (IsTable(input.traits.reads)) task_.reads.push_back(input.traits.reads);
      for (const std::string& table : input.traits.needs) task_.reads.push_back(table);
    }
    for (const Check& check : task_.checks) {
      if (!check.table.empty()) task_.reads.push_back(check.table);
    }
    for (const Target& target : task_.targets) task_.writes.push_back(target.traits.writes);
    for (const Target& target : task_.rejects) task_.writes.push_back(target.traits.writes);
    for (auto* names : {&task_.reads, &task_.writes}) {
      std::sort(names->begin(), names->end());
      names->erase(std::unique(names->begin(), names->end()), names->end());
      std::erase(*names, "");
    }
  }

  void ReadPolicies() {
    task_.timeout = config_.timeout ? config_.timeout : scope_.config.defaults.timeout;
    YamlNode retry;
    for (const YamlNode* node :
         {&scope_.config.retry, &scope_.config.defaults.retry, &config_.retry}) {
      if (node->IsNull()) continue;
      YamlNode map = node->IsScalar() ? MapOf("attempts", *node) : *node;
      retry = retry.IsNull() ? map : Overlay(retry, map);
    }
    if (!retry.IsNull()) {
      if (auto policy = RetrySpec().Parse(retry, diagnostics_)) task_.retry = *policy;
    }
    if (config_.command.IsScalar()) {
      task_.command = {"/bin/sh", "-c", config_.command.scalar};
    } else if (!config_.command.IsNull()) {
      (void)spec_internal::Read(config_.command, "'command'", {}, task_.command, diagnostics_);
    }
  }

  void ReadDeclared() {
    if (config_.columns.IsNull()) return;
    task_.declared = ReadColumns(config_.columns, diagnostics_);
    task_.declared_place = PlaceOfField("columns");
  }

  // What fits together and what does not.
  void CheckShape() {
    CheckContinuous();
    if (!config_.command.IsNull()) {
      for (const char* field : {"from", "sql", "checks", "to", "rejects", "columns"}) {
        if (!raw_.Find(field)) continue;
        diagnostics_.Error(PlaceOfField(field),
                           std::string("a task with a command has no '") + field + "'",
                           "make it two tasks, the second one `after` the first");
      }
      return;
    }
    if (config_.from.IsNull() && config_.sql.IsNull()) {
      diagnostics_.Error(raw_.place, "task '" + task_.name + "' does nothing",
                         "give it `from`, `sql` or `command`");
      return;
    }
    if (config_.sql.IsNull() && task_.inputs.size() > 1) {
      diagnostics_.Error(PlaceOfField("from"),
                         "several inputs need an 'sql' that makes one of them");
    }
    bool named = task_.inputs.size() == 1 && task_.inputs[0].name != "input";
    if (config_.sql.IsNull() && named) task_.sql = "SELECT * FROM " + SqlName(task_.inputs[0].name);
    auto takes_files = std::find_if(task_.targets.begin(), task_.targets.end(),
                                    [](const Target& target) { return target.traits.takes_files; });
    if (takes_files != task_.targets.end()) {
      for (const char* field : {"sql", "checks", "rejects", "columns"}) {
        if (!raw_.Find(field)) continue;
        diagnostics_.Error(PlaceOfField(field),
                           "'" + takes_files->connector + "' takes files as they are: '" + field +
                               "' does not apply",
                           "do it in the task that reads them");
      }
      if (task_.targets.size() > 1) {
        diagnostics_.Error(takes_files->place,
                           "'" + takes_files->connector + "' must be the only target");
      }
    }
    if (config_.to.IsNull() && config_.checks.IsNull() &&
        diagnostics_.ErrorCount() == errors_before_) {
      diagnostics_.Warn(raw_.place, "task '" + task_.name +
                                        "' has neither 'to' nor 'checks': its rows go nowhere");
    }
  }

  Place PlaceOfField(const char* field) const {
    const YamlNode* value = raw_.Find(field);
    if (!value) return raw_.place;
    return value->place.line ? value->place : raw_.FindKey(field)->place;
  }

  // Of all that decides the rows. Secrets and the run's values are left by name: they change
  // without changing it.
  std::string Definition() {
    Values values = sql_values_;
    values.keep.push_back("secret:");
    values.secrets.clear();
    Diagnostics told_already;
    std::string text = "1;mode=" + default_mode_ + ";";
    for (const char* field :
         {"from", "checks", "to", "rejects", "command", "columns", "metadata"}) {
      const YamlNode* node = raw_.Find(field);
      if (node) text += field + Canonical(Interpolate(*node, values, told_already));
    }
    text += std::string("metadata=") + (task_.metadata ? (*task_.metadata ? "1" : "0") : "-") + ";";
    return Sha256Hex(text + "sql" + task_.sql);
  }

  const YamlNode& raw_;
  TaskScope& scope_;
  Diagnostics& diagnostics_;
  Task task_;
  TaskConfig config_;
  Values values_, sql_values_;  // the second without run.*
  std::string default_mode_;
  bool sql_file_read_ = false;
  size_t errors_before_ = 0;
};

}  // namespace

std::map<std::string, std::string> ReadParams(const YamlNode& node,
                                              const std::map<std::string, std::string>& base,
                                              const std::map<std::string, std::string>& given,
                                              Diagnostics& diagnostics) {
  std::map<std::string, std::string> params = base;
  if (!node.IsNull() && !node.IsMap()) {
    diagnostics.Error(node.place, "'params' must be a map of names and default values",
                      "write `params: {year: 2013}`");
    return params;
  }
  for (const auto& [name, declared] : node.entries) {
    auto found = given.find(name.scalar);
    // {file: …}: where it is given, from the folder one is in; its default from the pipeline's.
    const YamlNode* file = declared.IsMap() && declared.entries.size() == 1
                               ? declared.Find("file")
                               : nullptr;
    const YamlNode& value = file ? *file : declared;
    if (!IsInputName(name.scalar)) {
      diagnostics.Error(name.place, "'" + name.scalar + "' is not a name for a parameter",
                        "use letters, digits and _");
    } else if (found != given.end()) {
      std::string& param = params[name.scalar] = found->second;
      if (file && !param.empty()) param = std::filesystem::absolute(param).lexically_normal();
    } else if (value.IsScalar()) {
      params[name.scalar] = value.scalar;
    } else if (value.IsNull()) {
      diagnostics.Error(name.place, "parameter '" + name.scalar + "' has no value",
                        "give one with `--param " + name.scalar + "=…`, or a default here");
    } else {
      diagnostics.Error(value.place,
                        "the default of parameter '" + name.scalar + "' must be a plain value",
                        "write `" + name.scalar + ": 2013`, or `{file: …}` where it is a path");
    }
  }
  return params;
}

std::vector<Task> ReadTask(const YamlNode& node, TaskScope& scope) {
  std::vector<Task> tasks;
  YamlNode matrix;
  if (const YamlNode* written = node.Find("matrix")) {
    matrix = Interpolate(*written, scope.values, scope.diagnostics);
  }
  for (const Combination& combination : ExpandMatrix(matrix, scope.diagnostics)) {
    tasks.push_back(TaskReader(node, combination, scope).Read());
  }
  return tasks;
}

}  // namespace millrace
