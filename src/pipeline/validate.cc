#include "pipeline/validate.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "pipeline/ends.h"
#include "pipeline/names.h"

namespace millrace {
namespace {

constexpr std::string_view kRowsView = "this";  // a task's rows, as its checks call them

Place PlaceOfConfig(const YamlNode& config, const Place& otherwise) {
  return config.place.line ? config.place : otherwise;
}

// The scalar that says `text` in a target's field, for errors about it.
Place PlaceOfText(const YamlNode& config, const std::string& field, const std::string& text,
                  const Place& otherwise) {
  const YamlNode* value = config.Find(field);
  if (!value) return PlaceOfConfig(config, otherwise);
  for (const YamlNode& item : value->items) {
    if (item.scalar == text) return item.place;
  }
  return value->place;
}

// Wraps a condition so that an engine can be asked for its type; the condition begins at
// kConditionBegin.
constexpr std::string_view kConditionHead = "SELECT (";
std::string ConditionSql(const std::string& condition) {
  return std::string(kConditionHead) + condition + ") AS holds FROM " + std::string(kRowsView);
}

class TaskCheck {
 public:
  TaskCheck(const Pipeline& pipeline, Task& task, const TaskSql& sql, bool complete, Shapes& shapes,
            CheckSession& session, Diagnostics& diagnostics)
      : pipeline_(pipeline),
        task_(task),
        sql_(sql),
        complete_(complete),
        shapes_(shapes),
        session_(session),
        diagnostics_(diagnostics) {}

  void Run() {
    task_.schema.reset();
    bool takes_files = std::any_of(task_.targets.begin(), task_.targets.end(),
                                   [](const Target& target) { return target.traits.takes_files; });
    if (takes_files || !task_.command.empty()) return;
    ReadInputs();
    ReadTables();
    InferSchema();
    CompareDeclared();
    CheckConditions();
    if (task_.schema) CheckTargets();
    WarnOfRepeats();
  }

 private:
  // nullopt when its shape is not known; the reason is told where it is the user's fault.
  std::optional<Schema> TableShape(const std::string& table, const Place& place) {
    Shapes::Shape shape = shapes_.OfTable(table);
    if (shape.known == Shapes::Known::kYes) return shape.schema;
    if (shape.known == Shapes::Known::kNoTable && complete_) {
      std::string hint = SuggestName(table, shapes_.TableNames());
      if (!hint.starts_with("did")) hint = "no task writes it, and the lake has no such table";
      diagnostics_.Error(place, "unknown table '" + table + "'", hint);
    }
    return std::nullopt;
  }

  void ReadInputs() {
    for (const Input& input : task_.inputs) {
      for (const std::string& table : input.traits.needs)
        TableShape(table, PlaceOfConfig(input.config, input.place));
      std::optional<Schema> schema;
      if (IsTable(input.traits.reads)) {
        schema = TableShape(input.traits.reads, PlaceOfConfig(input.config, input.place));
      } else {
        Shapes::Shape shape = shapes_.OfSource(pipeline_, task_, input, diagnostics_);
        if (shape.known == Shapes::Known::kYes) schema = shape.schema;
      }
      if (!schema) {
        unknown_.insert(ToLower(input.name));
        continue;
      }
      if (task_.sql.empty() && task_.inputs_known) task_.schema = schema;
      known_[input.name] = *std::move(schema);
    }
  }

  void ReadTables() {
    for (const TableRef& table : sql_.tables) {
      if (IsTable(table.name)) ReadTable(table.name, sql_.sql.PlaceOf(table.offset));
    }
    for (const Check& check : task_.checks) {
      if (!check.table.empty()) ReadTable(check.table, check.sql_place);
    }
    for (const auto& [table, place] : sql_.check_tables) ReadTable(table, place);
  }

  void ReadTable(const std::string& name, const Place& place) {
    if (known_.contains(name) || unknown_.contains(ToLower(name))) return;
    std::optional<Schema> schema = TableShape(shapes_.Spelled(name), place);
    if (schema) {
      known_[name] = *std::move(schema);
    } else {
      unknown_.insert(ToLower(name));
    }
  }

  void InferSchema() {
    if (task_.sql.empty() || sql_.syntax_error || !task_.inputs_known) return;
    bool all_known =
        std::none_of(sql_.tables.begin(), sql_.tables.end(),
                     [&](const TableRef& table) { return unknown_.contains(ToLower(table.name)); });
    // Without SQL of its own a task with one named input is a SELECT * made for it.
    if (!all_known || (sql_.sql.empty() && !unknown_.empty())) return;
    const std::string& text = sql_.sql.empty() ? task_.sql : sql_.sql.text();
    Result<Description> description = session_.Describe(text, known_);
    if (!description.ok()) {
      const Status& status = description.status();
      diagnostics_.Error(sql_.sql.PlaceOf(0), status.message(), status.hint());
      return;
    }
    TellSqlErrors(description->errors, sql_.sql, 0, diagnostics_);
    // What was inferred in spite of errors would raise more of them further on.
    if (description->ok()) task_.schema = std::move(description->schema);
  }

  void CompareDeclared() {
    if (!task_.declared) return;
    if (!task_.schema) {
      task_.schema = task_.declared;
      return;
    }
    Place place = task_.declared_place;
    for (const Column& column : task_.declared->columns) {
      const Column* found = task_.schema->Find(column.name);
      if (!found) {
        diagnostics_.Error(place, "column '" + column.name + "' is declared, but the rows lack it",
                           SuggestName(column.name, task_.schema->Names()));
      } else if (!(found->type == column.type)) {
        diagnostics_.Error(place,
                           "column '" + column.name + "' is declared as " + column.type.ToSql() +
                               ", but it is " + found->type.ToSql(),
                           "cast it in the SQL, or declare it as it is");
      }
    }
    for (const Column& column : task_.schema->columns) {
      if (task_.declared->Find(column.name) || column.name.starts_with("_")) continue;
      diagnostics_.Error(
          place, "column '" + column.name + "' is not declared",
          "add `" + column.name + ": " + column.type.ToSql() + "`, or leave it out of the SQL");
    }
  }

  // The checks and the conditions of targets, over the rows by the name `this`.
  void CheckConditions() {
    bool any_when = std::any_of(task_.targets.begin(), task_.targets.end(),
                                [](const Target& target) { return !target.when.empty(); });
    if (task_.checks.empty() && !any_when) return;
    if (!task_.schema) {
      for (const Target& target : task_.targets) CheckSyntaxOfWhen(target);
      return;
    }
    NamedShapes shapes = known_;
    shapes[std::string(kRowsView)] = *task_.schema;
    std::string key = KeyOf(AllConditions(), shapes);
    if (session_.cache().IsGood(key)) return;
    size_t told = diagnostics_.all().size();
    std::vector<Check> checks;
    for (const Check& check : task_.checks) {
      if (!ReadsUnknown(check)) checks.push_back(check);
    }
    Status validated = ValidateWith(checks, shapes);
    if (!validated.ok()) {
      diagnostics_.Error(task_.place, validated.message(), validated.hint());
      return;
    }
    for (const Target& target : task_.targets) CheckWhen(target, shapes);
    if (diagnostics_.all().size() == told && unknown_.empty()) session_.cache().AddGood(key);
  }

  Status ValidateWith(const std::vector<Check>& checks, const NamedShapes& shapes) {
    TRY(session_.Define(known_));
    Session* engine = TRY(session_.Engine());
    if (RowChecksHold(checks, *task_.schema, *engine)) return Status::Ok();
    TRY(session_.Define(shapes));
    ValidateChecks(checks, *task_.schema, *engine, kRowsView, diagnostics_);
    return Status::Ok();
  }

  std::string AllConditions() const {
    std::string text;
    auto add = [&text](const std::string& part) {
      text += std::to_string(part.size()) + ":" + part + ";";
    };
    for (const Check& check : task_.checks) {
      for (const std::string* part :
           {&check.kind, &check.name, &check.table, &check.condition, &check.query}) {
        add(*part);
      }
      for (const auto& [column, place] : check.columns) add(column);
    }
    for (const Target& target : task_.targets) add(target.when);
    return text;
  }

  bool ReadsUnknown(const Check& check) {
    if (!check.table.empty() && unknown_.contains(ToLower(check.table))) return true;
    if (unknown_.empty() || (check.query.empty() && check.condition.empty())) return false;
    std::string text = check.query.empty() ? ConditionSql(check.condition) : check.query;
    Result<StatementNames> names = session_.NamesIn(text);
    if (!names.ok()) return false;
    return std::any_of(names->tables.begin(), names->tables.end(), [&](const TableRef& table) {
      return unknown_.contains(ToLower(table.name));
    });
  }

  void CheckWhen(const Target& target, const NamedShapes& shapes) {
    if (target.when.empty() || target.when_source.broken()) return;
    Result<Description> description = session_.Describe(ConditionSql(target.when), shapes);
    if (!description.ok()) return;
    TellSqlErrors(description->errors, target.when_source, kConditionHead.size(), diagnostics_);
    if (!description->ok() || description->schema.columns.empty()) return;
    const Type& type = description->schema.columns[0].type;
    if (type.kind == TypeKind::kBoolean) return;
    diagnostics_.Error(target.when_source.PlaceOf(0),
                       "'when' must be true or false, here it is " + type.ToSql());
  }

  void CheckSyntaxOfWhen(const Target& target) {
    if (target.when.empty() || target.when_source.broken() ||
        session_.NamesIn(ConditionSql(target.when)).ok())
      return;
    Result<Description> description = session_.Describe(ConditionSql(target.when), {});
    if (!description.ok()) return;
    std::erase_if(description->errors,
                  [](const SqlError& error) { return error.kind != "syntax"; });
    TellSqlErrors(description->errors, target.when_source, kConditionHead.size(), diagnostics_);
  }

  void CheckTargets() {
    for (const Target& target : task_.targets) {
      Schema rows = *task_.schema;
      if (AddsMetadata(task_, target)) {
        rows.columns.push_back({"_ingested_at", Type{.kind = TypeKind::kTimestampTz}});
        rows.columns.push_back({"_run_id", Type{.kind = TypeKind::kVarchar}});
      }
      for (const ColumnUse& use : target.traits.columns) {
        if (rows.Find(use.column)) continue;
        diagnostics_.Error(PlaceOfText(target.config, use.field, use.column, target.place),
                           "'" + use.field + "': the rows have no column '" + use.column + "'",
                           SuggestName(use.column, task_.schema->Names()));
      }
      if (IsTable(target.traits.writes)) CompareWithTable(target, rows);
    }
  }

  // With the table as it is in the lake.
  void CompareWithTable(const Target& target, const Schema& rows) {
    if (target.traits.replaces && target.traits.contract == Contract::kEvolve) return;
    std::optional<Snapshot> table = shapes_.InLake(target.traits.writes);
    if (!table) return;
    ComparePartitions(target, *table);
    if (target.traits.contract != Contract::kFreeze) return;
    Place place = PlaceOfText(target.config, "contract", "freeze", target.place);
    for (const Column& column : rows.columns) {
      const Column* kept = table->schema.Find(column.name);
      std::string what = "the contract of '" + target.traits.writes + "' is freeze: ";
      if (!kept) {
        diagnostics_.Error(place, what + "it has no column '" + column.name + "'",
                           "leave the column out, or use `contract: evolve`");
      } else if (!(kept->type == column.type)) {
        diagnostics_.Error(place,
                           what + "column '" + column.name + "' is " + kept->type.ToSql() +
                               " there and " + column.type.ToSql() + " here",
                           "cast it in the SQL, or use `contract: evolve`");
      }
    }
  }

  void ComparePartitions(const Target& target, const Snapshot& table) {
    std::vector<std::string> wanted;
    for (const ColumnUse& use : target.traits.columns) {
      if (use.field == "partition_by") wanted.push_back(use.column);
    }
    if (wanted.empty() || wanted == table.partition_by || target.traits.replaces) return;
    std::string have =
        table.partition_by.empty() ? "has none" : "has " + Join(table.partition_by, ", ");
    diagnostics_.Error(PlaceOfText(target.config, "partition_by", wanted[0], target.place),
                       "the partitions of '" + target.traits.writes + "' are fixed: it " + have);
  }

  // All of a table appended at each run: the rows come again and again.
  void WarnOfRepeats() {
    bool appends =
        std::any_of(task_.targets.begin(), task_.targets.end(),
                    [](const Target& target) { return target.traits.mode == Mode::kAppend; });
    if (!appends) return;
    bool any_new = std::any_of(task_.inputs.begin(), task_.inputs.end(),
                               [](const Input& input) { return input.incremental; });
    if (any_new) return;
    std::string what = task_.inputs.empty() ? (task_.reads.empty() ? "" : task_.reads[0])
                                            : task_.inputs[0].traits.reads;
    if (what.empty() && task_.inputs.empty()) return;
    Place place = task_.inputs.empty() ? task_.targets[0].place : task_.inputs[0].place;
    diagnostics_.Warn(place,
                      what.empty() ? "each run appends all rows of the input again"
                                   : "each run appends all rows of '" + what + "' again",
                      "read it with `incremental: true`, or use `mode: replace` or `mode: merge`");
  }

  const Pipeline& pipeline_;
  Task& task_;
  const TaskSql& sql_;
  const bool complete_;
  Shapes& shapes_;
  CheckSession& session_;
  Diagnostics& diagnostics_;
  NamedShapes known_;              // inputs and tables, as SQL names them
  std::set<std::string> unknown_;  // inputs and tables of unknown shape, in lower case
};

// The place of a call in a statement: the engine tells its name only.
size_t FindCall(const std::string& sql, const std::string& function) {
  std::string lower = ToLower(sql);
  for (size_t at = lower.find(function); at != std::string::npos;
       at = lower.find(function, at + 1)) {
    size_t end = lower.find_first_not_of(" \t\n", at + function.size());
    if (end != std::string::npos && lower[end] == '(') return at;
  }
  return 0;
}

void WarnOfVolatile(const SqlText& sql, const std::vector<std::string>& calls,
                    Diagnostics& diagnostics) {
  for (const std::string& call : calls) {
    diagnostics.Warn(
        sql.PlaceOf(FindCall(sql.text(), call)),
        call + "() gives other values when the same rows are computed again after a failure",
        "derive the value from the row, for example with md5() or hash()");
  }
}

void WarnOfUnusedInputs(const Task& task, const TaskSql& sql, Diagnostics& diagnostics) {
  for (const Input& input : task.inputs) {
    bool used = std::any_of(sql.tables.begin(), sql.tables.end(), [&](const TableRef& table) {
      return ToLower(table.name) == ToLower(input.name);
    });
    if (!used)
      diagnostics.Warn(input.place, "the SQL does not read the input '" + input.name + "'");
  }
}

// The engine says more of a statement that does not parse than that it does not.
void TellSyntaxError(const SqlText& sql, const Status& status, CheckSession& session,
                     Diagnostics& diagnostics) {
  Result<Description> description = session.Describe(sql.text(), {});
  bool syntax =
      description.ok() && std::any_of(description->errors.begin(), description->errors.end(),
                                      [](const SqlError& error) { return error.kind == "syntax"; });
  if (syntax) {
    TellSqlErrors(description->errors, sql, 0, diagnostics);
  } else {
    diagnostics.Error(sql.PlaceOf(0), sql.secret() ? "the SQL is not right" : status.message(),
                      status.hint());
  }
}

void AddRead(Task& task, const std::string& table) {
  auto at = std::lower_bound(task.reads.begin(), task.reads.end(), table);
  if (at == task.reads.end() || *at != table) task.reads.insert(at, table);
}

}  // namespace

void TellSqlErrors(const std::vector<SqlError>& errors, const SqlText& sql, size_t skip,
                   Diagnostics& diagnostics) {
  for (const SqlError& error : errors) {
    size_t offset = error.offset.value_or(0);
    if (sql.secret()) {
      diagnostics.Error(sql.PlaceOf(offset < skip ? 0 : offset - skip), "the SQL is not right here",
                        "what exactly is wrong is not shown: a secret is in the statement");
      continue;
    }
    std::string hint;
    if (!error.candidates.empty()) hint = "did you mean '" + error.candidates[0] + "'?";
    diagnostics.Error(sql.PlaceOf(offset < skip ? 0 : offset - skip), error.message, hint);
  }
}

SqlText ResolveTaskSql(const Task& task, Diagnostics& diagnostics) {
  const Values stand_ins{.variables = {{"run.id", "20000101T000000-000000"},
                                       {"run.logical_date", "2000-01-01T00:00:00Z"},
                                       {"run.data_interval_start", "2000-01-01T00:00:00Z"},
                                       {"run.data_interval_end", "2000-01-01T00:00:00Z"}},
                         .only = {"run."}};
  return task.sql_source.Resolve(stand_ins, diagnostics);
}

TaskSql ReadTaskSql(Task& task, SqlText sql, const Shapes& shapes, CheckSession& session,
                    Diagnostics& diagnostics) {
  TaskSql result{.sql = std::move(sql)};
  result.syntax_error = result.sql.broken();
  if (!result.sql.empty() && !result.sql.broken()) {
    Result<StatementNames> names = session.NamesIn(result.sql.text());
    if (names.ok()) {
      result.tables = std::move(names->tables);
      WarnOfVolatile(result.sql, names->volatile_calls, diagnostics);
      WarnOfUnusedInputs(task, result, diagnostics);
    } else {
      result.syntax_error = true;
      TellSyntaxError(result.sql, names.status(), session, diagnostics);
    }
  }
  for (const TableRef& table : result.tables) {
    if (IsTable(table.name)) AddRead(task, shapes.Spelled(table.name));
  }
  for (const Check& check : task.checks) {
    if (check.query.empty()) continue;
    Result<StatementNames> names = session.NamesIn(check.query);
    if (!names.ok()) continue;  // told when the check is looked at
    for (const TableRef& table : names->tables) {
      if (!IsTable(table.name)) continue;
      AddRead(task, shapes.Spelled(table.name));
      result.check_tables.emplace_back(table.name, check.sql_node.IsScalar()
                                                       ? check.sql_node.PlaceOf(table.offset)
                                                       : check.place);
    }
  }
  return result;
}

void CheckTask(const Pipeline& pipeline, Task& task, const TaskSql& sql, bool complete,
               Shapes& shapes, CheckSession& session, Diagnostics& diagnostics) {
  TaskCheck(pipeline, task, sql, complete, shapes, session, diagnostics).Run();
}

}  // namespace millrace
