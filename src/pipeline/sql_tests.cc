#include "pipeline/sql_tests.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/text.h"
#include "pipeline/ends.h"
#include "pipeline/files.h"
#include "pipeline/names.h"
#include "pipeline/shapes.h"
#include "pipeline/test_rows.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

std::vector<const Task*> TasksNamed(const Pipeline& pipeline, const std::string& name) {
  std::vector<const Task*> tasks;
  for (const Task& task : pipeline.tasks) {
    if (task.name == name || task.key == pipeline.name + "/" + name) tasks.push_back(&task);
  }
  return tasks;
}

void LoadTest(const YamlNode& node, const Pipeline& pipeline, const Task* owner,
              std::vector<SqlTest>& tests, Diagnostics& diagnostics) {
  std::optional<SqlTestConfig> config = SqlTestSpec().Parse(node, diagnostics);
  if (!config) return;
  if (config->expect.IsNull() && config->rejects.IsNull() && config->fails.empty()) {
    diagnostics.Error(node.place, "test '" + config->name + "' expects nothing",
                      "add `expect:` rows");
    return;
  }
  Result<Time> now = ParseTime(config->now);
  if (!now.ok()) {
    diagnostics.Error(node.Find("now")->place, now.status().message(), now.status().hint());
    return;
  }
  std::vector<const Task*> tasks = {owner};
  if (!owner) tasks = TasksNamed(pipeline, config->task);
  if (tasks.empty()) {
    std::vector<std::string> names;
    for (const Task& task : pipeline.tasks) names.push_back(task.name);
    const YamlNode* place = node.Find("task");
    diagnostics.Error(place ? place->place : node.place,
                      place ? "there is no task '" + config->task + "'"
                            : "a test in a file of its own needs 'task'",
                      SuggestName(config->task, names));
  }
  for (const Task* task : tasks) {
    if (task->sql.empty() && task->checks.empty()) {
      diagnostics.Error(node.place, "task '" + task->name + "' has no SQL and no checks to test");
      return;
    }
    tests.push_back({*config, task->key, node.place});
  }
}

void LoadList(const YamlNode& list, const Pipeline& pipeline, const Task* owner,
              std::vector<SqlTest>& tests, Diagnostics& diagnostics) {
  if (!list.IsList()) {
    diagnostics.Error(list.place, "tests must be a list", "begin each with `- name: …`");
    return;
  }
  for (const YamlNode& node : list.items) LoadTest(node, pipeline, owner, tests, diagnostics);
}

std::vector<std::string> TestFiles(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fs::path(folder) / "tests", error)) {
    std::string extension = entry.path().extension().string();
    if (extension == ".yml" || extension == ".yaml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Gives one task the rows of one test and looks at what comes out.
class TestRunner {
 public:
  TestRunner(const SqlTest& test, const Pipeline& pipeline, const Task& task, Shapes& shapes,
             Session& session, std::stop_token stop)
      : test_(test),
        pipeline_(pipeline),
        task_(task),
        shapes_(shapes),
        session_(session),
        stop_(std::move(stop)) {
    result_.name = test.config.name;
    result_.task = task.key;
    result_.place = test.place;
  }

  SqlTestResult Run() {
    Status status = Walk();
    for (const std::string& name : defined_) (void)session_.Drop(name);
    if (!status.ok() && result_.message.empty()) Fail(test_.place, status.ToString());
    result_.passed = result_.message.empty();
    return std::move(result_);
  }

 private:
  void Fail(const Place& place, const std::string& message) {
    if (!result_.message.empty()) return;  // the first tells most
    result_.place = place;
    result_.message = message;
  }

  Status Walk() {
    TRY(DefineGiven());
    if (!result_.message.empty()) return Status::Ok();
    TRY(DefineTheRest());
    Time now = TRY(ParseTime(test_.config.now));
    TRY(session_.FixTime(now, 1));
    RunValues run{"20000101T000000-000000", now, now, now};
    Sql rows{task_.sql.empty() ? "SELECT * FROM input" : ResolveRun(task_.sql, run)};
    Checked checked = TRY(RunChecks(task_.checks, session_, rows, "millrace_test_", stop_));
    JudgeGates(checked);
    TRY(Judge(test_.config.expect, checked.accepted_rows, "expect"));
    if (test_.config.rejects.IsNull()) return Status::Ok();
    Sql none{"SELECT *, CAST(NULL AS VARCHAR) AS _rule, CAST(NULL AS VARCHAR) AS _reason FROM (" +
             checked.accepted_rows.text + ") WHERE false"};
    return Judge(test_.config.rejects, checked.rejected_rows.value_or(none), "rejects");
  }

  Status DefineGiven() {
    for (const auto& [name, value] : test_.config.given.entries) {
      Diagnostics faults;
      std::optional<TestRows> rows =
          ReadTestRows(value, fs::path(test_.place.file).parent_path().string(), faults);
      if (!rows) {
        Diagnostic first = faults.all().front();
        Fail(first.place, first.message + (first.hint.empty() ? "" : "; " + first.hint));
        return Status::Ok();
      }
      std::optional<Schema> shape = ShapeOf(name.scalar);
      Result<Sql> relation = AsRelation(*rows, shape ? *shape : GuessShape(*rows));
      if (!relation.ok()) {
        Fail(name.place,
             name.scalar + ": " + relation.status().message() +
                 (relation.status().hint().empty() ? "" : "; " + relation.status().hint()));
        return Status::Ok();
      }
      if (!IsRead(name.scalar)) {
        Fail(name.place, "task '" + task_.name + "' does not read '" + name.scalar + "'");
        return Status::Ok();
      }
      // Materialized: a value that does not fit its type is told here, at its rows.
      Result<int64_t> count = MaterializeAs(name.scalar, *relation);
      if (!count.ok()) {
        Fail(name.place, name.scalar + ": " + count.status().message());
        return Status::Ok();
      }
      given_.insert(ToLower(name.scalar));
    }
    return Status::Ok();
  }

  Result<int64_t> MaterializeAs(const std::string& name, const Sql& relation) {
    Result<int64_t> count =
        session_.Materialize("millrace_given_" + std::to_string(defined_.size()), relation, stop_);
    if (!count.ok()) return count;
    std::string kept = "millrace_given_" + std::to_string(defined_.size());
    TRY(session_.Define(name, {"SELECT * FROM " + kept}));
    defined_.push_back(name);
    return count;
  }

  // What the test gives no rows for is empty.
  Status DefineTheRest() {
    for (const Input& input : task_.inputs) TRY(DefineEmpty(input.name));
    for (const std::string& table : task_.reads) TRY(DefineEmpty(table));
    return Status::Ok();
  }

  Status DefineEmpty(const std::string& name) {
    if (given_.contains(ToLower(name))) return Status::Ok();
    std::optional<Schema> shape = ShapeOf(name);
    if (!shape) {
      Fail(test_.place, "the test gives no rows for '" + name + "', and its columns are not known");
      return Invalid("the columns of '" + name + "' are not known");
    }
    TRY(session_.DefineEmpty(name, *shape));
    defined_.push_back(name);
    return Status::Ok();
  }

  bool IsRead(const std::string& name) const {
    auto same = [&](const std::string& other) { return ToLower(other) == ToLower(name); };
    return std::any_of(task_.reads.begin(), task_.reads.end(), same) ||
           std::any_of(task_.inputs.begin(), task_.inputs.end(),
                       [&](const Input& input) { return same(input.name); });
  }

  std::optional<Schema> ShapeOf(const std::string& name) {
    Diagnostics ignored;
    Shapes::Shape shape;
    auto input = std::find_if(task_.inputs.begin(), task_.inputs.end(),
                              [&](const Input& each) { return each.name == name; });
    if (input == task_.inputs.end()) {
      shape = shapes_.OfTable(shapes_.Spelled(name));
    } else if (IsTable(input->traits.reads)) {
      shape = shapes_.OfTable(input->traits.reads);
    } else {
      shape = shapes_.OfSource(pipeline_, task_, *input, ignored);
    }
    if (shape.known != Shapes::Known::kYes) return std::nullopt;
    return shape.schema;
  }

  void JudgeGates(const Checked& checked) {
    std::vector<std::string> failed;
    for (const CheckOutcome& outcome : checked.outcomes) {
      if (!outcome.passed) failed.push_back(outcome.check->name);
    }
    for (const std::string& wanted : test_.config.fails) {
      if (std::find(failed.begin(), failed.end(), wanted) == failed.end()) {
        Fail(test_.place, "the check '" + wanted + "' was to fail, but passed");
      }
    }
    if (checked.verdict.ok() || !test_.config.fails.empty()) return;
    Fail(test_.place, checked.verdict.message());
  }

  Status Judge(const YamlNode& expected, const Sql& came, const char* field) {
    if (expected.IsNull()) return Status::Ok();
    Diagnostics faults;
    std::optional<TestRows> rows =
        ReadTestRows(expected, fs::path(test_.place.file).parent_path().string(), faults);
    if (!rows) {
      Diagnostic first = faults.all().front();
      Fail(first.place, first.message);
      return Status::Ok();
    }
    Description description = TRY(session_.Describe(came));
    if (!description.ok()) return Invalid(description.errors[0].message);
    RowsDifference difference =
        TRY(CompareRows(*rows, came, description.schema, test_.config.ordered, session_, stop_));
    if (difference.equal) return Status::Ok();
    bool first = result_.message.empty();
    Fail(difference.place, std::string(field) + ": " + difference.message);
    if (first) result_.diff = std::move(difference.lines);
    return Status::Ok();
  }

  const SqlTest& test_;
  const Pipeline& pipeline_;
  const Task& task_;
  Shapes& shapes_;
  Session& session_;
  std::stop_token stop_;
  SqlTestResult result_;
  std::vector<std::string> defined_;
  std::set<std::string> given_;
};

}  // namespace

const Spec<SqlTestConfig>& SqlTestSpec() {
  static const Spec<SqlTestConfig> spec =
      Spec<SqlTestConfig>(
          "test", "An SQL test of a task: given rows, expected rows. Nothing is read or written.")
          .Field("name", &SqlTestConfig::name, "What it shows.", {.required = true})
          .Field("task", &SqlTestConfig::task,
                 "The task, where the test stands in a file of its own.")
          .Field("given", &SqlTestConfig::given,
                 "Rows by input or table: a list of maps, CSV text, or a .csv file. Columns not "
                 "given are null; "
                 "tables not given are empty.",
                 {.example = "{bronze.orders: [{id: 1}]}"})
          .Field("expect", &SqlTestConfig::expect,
                 "Rows that the task must give, in any order. Only the columns named here are "
                 "compared.",
                 {.example = "[{id: 1, total: 10}]"})
          .Field("rejects", &SqlTestConfig::rejects,
                 "Rows that the checks must put aside; `_rule` names the check.",
                 {.example = "[{id: 2, _rule: not_null(total)}]"})
          .Field("fails", &SqlTestConfig::fails, "Names of checks that must fail.")
          .Field("ordered", &SqlTestConfig::ordered, "The order of rows counts.")
          .Field("now", &SqlTestConfig::now, "What now() is.");
  return spec;
}

std::vector<SqlTest> LoadSqlTests(const Pipeline& pipeline, Diagnostics& diagnostics) {
  std::vector<SqlTest> tests;
  for (const Task& task : pipeline.tasks) {
    if (!task.tests.IsNull()) LoadList(task.tests, pipeline, &task, tests, diagnostics);
  }
  for (const std::string& file : TestFiles(pipeline.folder)) {
    std::string shown = ShownPath(file);
    Result<std::string> text = ReadTextFile(file);
    if (!text.ok()) {
      diagnostics.Error({shown}, text.status().message(), text.status().hint());
      continue;
    }
    YamlNode root = ParseYaml(*text, shown, diagnostics);
    if (const YamlNode* list = root.Find("tests")) root = *list;
    if (!root.IsNull()) LoadList(root, pipeline, nullptr, tests, diagnostics);
  }
  return tests;
}

std::vector<SqlTestResult> RunSqlTests(const std::vector<SqlTest>& tests, Pipeline& pipeline,
                                       const std::vector<Pipeline*>& siblings,
                                       CheckContext& context, std::stop_token stop) {
  std::vector<SqlTestResult> results;
  Result<std::unique_ptr<Session>> session = context.engine.Open("test");
  if (!session.ok()) {
    for (const SqlTest& test : tests) {
      results.push_back(
          {test.config.name, test.task, false, test.place, session.status().ToString(), {}});
    }
    return results;
  }
  std::vector<Pipeline*> all = siblings;
  all.push_back(&pipeline);
  CheckSession checks(context);
  Shapes shapes(all, checks);
  for (const Pipeline* each : all) {
    for (const Task& task : each->tasks) shapes.AddOutputs(task);
  }
  for (const SqlTest& test : tests) {
    if (stop.stop_requested()) break;
    const Task* task = pipeline.Find(test.task);
    if (task) results.push_back(TestRunner(test, pipeline, *task, shapes, **session, stop).Run());
  }
  return results;
}

}  // namespace millrace
