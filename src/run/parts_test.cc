// The small parts of run/: retries, positions, routes, rejects, records as rows, the choice of
// tasks, logs.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/hash.h"
#include "run/deadline.h"
#include "run/positions.h"
#include "run/reject_rows.h"
#include "run/retry.h"
#include "run/routes.h"
#include "run/run.h"
#include "run/run_graph.h"
#include "run/task_log.h"
#include "store/sqlite/sqlite_store.h"

namespace millrace {
namespace {

using std::chrono::seconds;
using Collected = std::vector<std::vector<std::optional<std::string>>>;

TEST(Retry, GrowsAndEnds) {
  Task task;
  task.retry = {.attempts = 5, .delay = seconds(2), .max_delay = seconds(7)};
  Status away{Code::kUnavailable, "away"};
  EXPECT_EQ(RetryAfter(task, 1, away), seconds(2));
  EXPECT_EQ(RetryAfter(task, 2, away), seconds(4));
  EXPECT_EQ(RetryAfter(task, 3, away), seconds(7));
  EXPECT_EQ(RetryAfter(task, 4, away), seconds(7));
  EXPECT_EQ(RetryAfter(task, 5, away), std::nullopt);
  task.retry.backoff = RetryPolicy::Backoff::kConstant;
  EXPECT_EQ(RetryAfter(task, 4, away), seconds(2));
}

TEST(Retry, OnlyWhatMayPass) {
  Task task;
  task.retry.attempts = 3;
  for (Code code : {Code::kUnavailable, Code::kConflict, Code::kExhausted}) {
    EXPECT_TRUE(RetryAfter(task, 1, {code, ""}).has_value()) << CodeName(code);
  }
  for (Code code : {Code::kInvalid, Code::kNotFound, Code::kRejected, Code::kQuality,
                    Code::kCanceled, Code::kInternal}) {
    EXPECT_FALSE(RetryAfter(task, 1, {code, ""}).has_value()) << CodeName(code);
  }
  task.command = {"false"};
  EXPECT_TRUE(RetryAfter(task, 1, Invalid("status 1")).has_value());
  EXPECT_FALSE(RetryAfter(task, 1, Canceled()).has_value());
}

TEST(Positions, ComeBack) {
  CommitRecord commit{
      .id = {"p/t", 3}, .run = "r1", .now = *ParseTime("2026-01-02"), .definition = "d"};
  commit.end["input"] = Position{"{\"files\": [\"a \\\"b\\\"\"]}"};
  commit.end["bronze.t"] = Position{"12"};
  CommitRecord back = ReadPosition(commit.id, WritePosition(commit)).value();
  EXPECT_EQ(back.end, commit.end);
  EXPECT_EQ(back.now, commit.now);
  EXPECT_EQ(back.run, "r1");
  EXPECT_EQ(back.definition, "d");
  EXPECT_TRUE(back.finished);
  for (const char* bad : {"", "7", "{}", "{\"now\":\"2026-01-02\"}",
                          "{\"now\":\"2026-01-02\",\"end\":{\"a\":1}}", "[[["}) {
    EXPECT_EQ(ReadPosition(commit.id, bad).code(), Code::kInvalid) << bad;
  }
  commit.end["input"].token.assign(2 << 20, 'x');
  EXPECT_EQ(WritePosition(commit), "");
}

TEST(Deadline, StopsByItselfOrWithItsParent) {
  std::stop_source parent;
  Deadline soon(std::chrono::milliseconds(10), parent.get_token());
  while (!soon.token().stop_requested()) std::this_thread::yield();
  EXPECT_TRUE(soon.expired());

  Deadline later(std::chrono::hours(1), parent.get_token()),
      never(std::nullopt, parent.get_token());
  EXPECT_FALSE(later.token().stop_requested());
  parent.request_stop();
  EXPECT_TRUE(later.token().stop_requested());
  EXPECT_TRUE(never.token().stop_requested());
  EXPECT_FALSE(later.expired());
}

TEST(TaskLog, AppendsUpToItsLimit) {
  std::string folder = testing::TempDir() + "millrace-log-" + NewUuid(), path = folder + "/r/t.log";
  TaskLog(SystemClock(), path).Line("first");
  {
    TaskLog log(SystemClock(), path, 200);
    log.Raw(std::string(100, 'x') + "\n");
    for (int i = 0; i < 9; ++i) log.Line("no room");
  }
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_NE(text.str().find(" first\nxxx"), std::string::npos);
  EXPECT_NE(text.str().find("the log is full"), std::string::npos);
  EXPECT_LT(text.str().size(), 300u);
  std::filesystem::remove_all(folder);
}

TEST(TaskLog, KeysAreFiles) {
  Project project{.folder = "/p"};
  EXPECT_EQ(TaskLogPath(project, "r", "flights/bronze[table=a]"),
            "/p/.millrace/runs/r/bronze[table=a].log");
  std::string odd = TaskLogPath(project, "r", "p/t[x=../../a]"),
              other = TaskLogPath(project, "r", "p/t[x=...../a]");
  EXPECT_EQ(odd.find("..", std::string("/p/.millrace/runs/r/").size() + 40), std::string::npos);
  EXPECT_EQ(std::filesystem::path(odd).parent_path(), "/p/.millrace/runs/r");
  EXPECT_NE(odd, other);
}

class OnEngine : public testing::Test {
 protected:
  void SetUp() override {
    engine_ = OpenDuckDb({.memory_limit = 200 << 20, .threads = 1}).value();
    session_ = engine_->Open("test").value();
  }
  Collected Rows(const std::string& sql) {
    auto rows = session_->Collect({sql}, {});
    EXPECT_TRUE(rows.ok()) << sql << "\n" << rows.status().ToString();
    return rows.ok() ? *rows : Collected();
  }
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
};

TEST_F(OnEngine, RoutesEachRowToWhoeverTakesIt) {
  std::vector<Target> targets(4);
  targets[0].when = "n < 3 -- small";
  targets[1].when = "n % 2 = 0";
  targets[2].otherwise = true;
  Sql rows{"SELECT * FROM (VALUES (1), (2), (3), (4), (NULL)) t(n)"};
  auto taken = [&](size_t index) {
    std::string all;
    for (const auto& row : Rows("SELECT n FROM (" + RowsFor(targets, index, rows, {}).text +
                                "\n) ORDER BY n NULLS LAST")) {
      all += row[0].value_or("-");
    }
    return all;
  };
  EXPECT_EQ(taken(0), "12");
  EXPECT_EQ(taken(1), "24");
  EXPECT_EQ(taken(2), "3-");
  EXPECT_EQ(taken(3), "1234-");
}

TEST_F(OnEngine, RejectsOfAllKindsHaveOneShape) {
  Schema rows =
      SchemaOf(*session_, {"SELECT 1::INTEGER AS id, 'x' AS name, '' AS _source_file"}).value();
  std::vector<Sql> parts = {{"SELECT 7 AS id, 'a' AS name, 'f.csv' AS _source_file, 'range(id)' AS "
                             "_rule, 'id = 7' AS _reason"},
                            {"SELECT 'csv' AS _rule, 'too many' AS _reason, 'f.csv' AS "
                             "_source_file, 12 AS _line, 'raw' AS _raw"}};
  Time now = *ParseTime("2026-11-21 06:50:52.5");
  Sql all = RejectRows(*session_, rows, parts, now, "r1").value();
  Schema shape = SchemaOf(*session_, all).value();
  EXPECT_EQ(shape.Names(),
            (std::vector<std::string>{"id", "name", "_rule", "_reason", "_rejected_at", "_run_id",
                                      "_source_file", "_line", "_raw"}));
  Collected got = Rows(
      "SELECT id, name, _rule, epoch_us(_rejected_at), _run_id, _source_file, _line, _raw FROM (" +
      all.text + ") ORDER BY id");
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0][0], "7");
  EXPECT_EQ(got[0][3], std::to_string(now.time_since_epoch().count()));
  EXPECT_EQ(got[0][5], "f.csv");
  EXPECT_EQ(got[0][6], std::nullopt);
  EXPECT_EQ(got[1][0], std::nullopt);
  EXPECT_EQ(got[1][6], "12");
  EXPECT_EQ(got[1][4], "r1");

  Sql none = RejectRows(*session_, rows, {}, now, "r1").value();
  EXPECT_EQ(SchemaOf(*session_, none).value(), shape);
  EXPECT_TRUE(Rows(none.text).empty());
}

TEST_F(OnEngine, UnreadableRecordsFailATaskThatPutsNoneAside) {
  EXPECT_TRUE(RefuseRejects(*session_, {}, {}).ok());
  Sql part{
      "SELECT 'csv' AS _rule, 'r' || n AS _reason, 'f.csv' AS _source_file, n AS _line, '' AS _raw "
      "FROM (VALUES (9), (4), (12)) t(n)"};
  Status status = RefuseRejects(*session_, {part, {part.text + " WHERE n > 99"}}, {});
  EXPECT_EQ(status.code(), Code::kRejected);
  EXPECT_EQ(status.message(), "3 records could not be read, the first in f.csv, line 4: r4");
}

class NoLake final : public Lake {
 public:
  explicit NoLake(const std::string& folder) : storage_(OpenLocalStorage(folder)) {}
  std::unique_ptr<Table> Open(const TableName&) override { return nullptr; }
  Result<std::vector<TableName>> Tables() override { return std::vector<TableName>(); }
  Storage& storage() override { return *storage_; }

 private:
  std::unique_ptr<Storage> storage_;
};

TEST_F(OnEngine, TheStoreIsTablesInSql) {
  std::string folder = testing::TempDir() + "millrace-tables-" + NewUuid();
  auto store = OpenSqliteStore(folder + "/store.db").value();
  RunRecord run{
      .id = "r1", .pipeline = "p", .pipeline_file = "p.yml", .started = *ParseTime("2026-01-01")};
  ASSERT_TRUE(store->CreateRun(run, {{.task = "p/a"}, {.task = "p/b[x=1]"}}).ok());
  ASSERT_TRUE(store->UpdateTask({.run = "r1", .task = "p/a", .rows_in = 3}).ok());
  ASSERT_TRUE(
      store->AddCheck({.run = "r1", .task = "p/a", .check = "not_null(id)", .passed = false}).ok());
  ASSERT_TRUE(
      store->AddFiles({{.task = "p/a", .input = "input", .path = "a.csv", .size = 4, .run = "r1"}})
          .ok());
  ASSERT_TRUE(store->AddMetric({"r1", "p/a", "seconds_reading", 0.5}).ok());
  ASSERT_TRUE(store->AddOutputs({{.run = "r1", .task = "p/a", .sequence = 1, .kind = "root",
                                  .cid = "bafy", .size = 7, .target = "archive"}})
                  .ok());
  ASSERT_TRUE(store->SetLineage("p", {{"p", "p/a", "bronze.a", true}}).ok());
  ASSERT_TRUE(store->PlanCommit({.id = {"p/a", 1}, .run = "r1"}).ok());
  NoLake lake(folder);
  std::vector<std::string> names = {"bronze.unknown"};
  for (const char* name :
       {"checks", "commits", "files", "landing", "lineage", "metrics", "outputs",
        "runs", "tasks"}) {
    names.push_back(std::string("millrace.") + name);
  }
  Status status = DefineStoreTables(*session_, *store, lake, names, {});
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(Rows("SELECT a.name, a.rows_in, b.name FROM millrace.tasks a, millrace.tasks b WHERE "
                 "a.rows_in > b.rows_in"),
            (Collected{{"a", "3", "b[x=1]"}}));
  EXPECT_EQ(Rows("SELECT state, ended IS NULL, year(started) FROM millrace.runs"),
            (Collected{{"running", "true", "2026"}}));
  EXPECT_EQ(Rows("SELECT rule FROM millrace.checks WHERE NOT passed"),
            (Collected{{"not_null(id)"}}));
  EXPECT_EQ(Rows("SELECT path, size FROM millrace.files"), (Collected{{"a.csv", "4"}}));
  EXPECT_EQ(Rows("SELECT metric, value FROM millrace.metrics"),
            (Collected{{"seconds_reading", "0.5"}}));
  EXPECT_EQ(Rows("SELECT table_name FROM millrace.lineage WHERE written"),
            (Collected{{"bronze.a"}}));
  EXPECT_EQ(Rows("SELECT sequence FROM millrace.commits WHERE NOT finished"), (Collected{{"1"}}));
  EXPECT_EQ(Rows("SELECT cid, size, target FROM millrace.outputs"),
            (Collected{{"bafy", "7", "archive"}}));
  EXPECT_TRUE(Rows("SELECT * FROM millrace.landing").empty());
  std::filesystem::remove_all(folder);
}

Pipeline ThreeTasks() {
  Pipeline pipeline{.name = "p"};
  for (const char* key : {"p/a[x=1]", "p/a[x=2]", "p/b"}) {
    Task task;
    task.key = key;
    task.name = key[2];
    if (task.name == "b")
      task.upstream = {"p/a[x=1]", "p/a[x=2]"};
    else
      task.writes = {"bronze.a"};
    pipeline.tasks.push_back(task);
  }
  return pipeline;
}

TEST(RunGraph, ChoosesByName) {
  Pipeline pipeline = ThreeTasks();
  auto keys = [&](const std::vector<std::string>& names) {
    std::vector<std::string> chosen;
    std::vector<GraphTask> graph = ChooseTasks(pipeline, names).value();
    for (const GraphTask& task : graph) chosen.push_back(task.task->key);
    return chosen;
  };
  EXPECT_EQ(keys({}).size(), 3u);
  EXPECT_EQ(keys({"a"}), (std::vector<std::string>{"p/a[x=1]", "p/a[x=2]"}));
  EXPECT_EQ(keys({"a[x=2]", "p/b"}), (std::vector<std::string>{"p/a[x=2]", "p/b"}));
  Status status = ChooseTasks(pipeline, {"a[x=3]"}).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.hint().find("a[x="), std::string::npos) << status.hint();
  // Who is not chosen is not waited for.
  EXPECT_EQ(ChooseTasks(pipeline, {"a[x=2]", "b"}).value()[1].upstream, std::vector<size_t>{0});
}

TEST(RunGraph, AResumedRunNeedsItsTasks) {
  Pipeline pipeline = ThreeTasks();
  std::vector<GraphTask> graph =
      GraphOf(pipeline, {{.task = "p/b", .state = TaskState::kFailed}}).value();
  ASSERT_EQ(graph.size(), 1u);
  EXPECT_EQ(graph[0].state, TaskState::kFailed);
  EXPECT_EQ(GraphOf(pipeline, {{.task = "p/gone"}}).code(), Code::kInvalid);
}

TEST(RunGraph, RefreshesNoSharedTable) {
  Pipeline pipeline = ThreeTasks();
  EXPECT_EQ(CheckRefreshable(pipeline, ChooseTasks(pipeline, {"a[x=1]"}).value()).code(),
            Code::kInvalid);
  EXPECT_TRUE(CheckRefreshable(pipeline, ChooseTasks(pipeline, {"b"}).value()).ok());
}

}  // namespace
}  // namespace millrace
