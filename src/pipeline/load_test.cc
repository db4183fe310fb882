#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/text.h"
#include "pipeline/fake_connectors.h"
#include "pipeline/pipeline.h"

namespace millrace {
namespace {

using testing::FakeRegistry;
using testing::Folder;

class LoadPipelineTest : public ::testing::Test {
 protected:
  // Loads a pipeline file of this text; the messages in told_, the file's folder left out.
  std::optional<Pipeline> Load(const std::string& text,
                               const std::map<std::string, std::string>& params = {}) {
    std::string file = folder_.Write("pipeline.yml", text);
    Diagnostics diagnostics;
    Project project = LoadProject(folder_.path(), "", diagnostics);
    std::optional<Pipeline> pipeline =
        LoadPipeline(project, file, registry_, params, std::nullopt, diagnostics);
    Told(diagnostics);
    if (diagnostics.HasErrors()) return std::nullopt;
    return pipeline;
  }
  void Told(const Diagnostics& diagnostics) {
    told_ = diagnostics.ToString();
    std::string prefix = folder_.path() + "/";
    for (size_t at = told_.find(prefix); at != std::string::npos; at = told_.find(prefix))
      told_.erase(at, prefix.size());
    if (told_.ends_with("\n")) told_.pop_back();
  }
  static std::vector<std::string> Keys(const Pipeline& pipeline) {
    std::vector<std::string> keys;
    for (const Task& task : pipeline.tasks) keys.push_back(task.key);
    return keys;
  }

  Folder folder_{"millrace-load-test"};
  Registry registry_ = FakeRegistry();
  std::string told_;
};

TEST_F(LoadPipelineTest, ReadsATask) {
  auto pipeline = Load(R"(
name: orders
description: all of it
schedule: "@daily"
timezone: Europe/Berlin
retry: {attempts: 2, delay: 1m}
defaults: {retry: {attempts: 4}, timeout: 10m}
tasks:
  - name: one
    from: {file: a.csv}
    sql: SELECT * FROM input;  -- all
    to: {table: bronze.one}
    rejects: {table: bronze.one_rejects}
  - name: two
    retry: 7
    timeout: 5s
    sql: SELECT 1 AS x
    to:
      - {when: x > 1, table: {name: gold.two, mode: merge, key: x}}
      - {otherwise: true, file: out.csv}
)");
  ASSERT_TRUE(pipeline) << told_;
  EXPECT_EQ(pipeline->name, "orders");
  EXPECT_EQ(pipeline->schedule, "@daily");
  ASSERT_EQ(pipeline->tasks.size(), 2u);
  const Task& one = pipeline->tasks[0];
  EXPECT_EQ(one.key, "orders/one");
  EXPECT_EQ(one.sql, "SELECT * FROM input");
  ASSERT_EQ(one.inputs.size(), 1u);
  EXPECT_EQ(one.inputs[0].name, "input");
  EXPECT_EQ(one.inputs[0].connector, "file");
  EXPECT_TRUE(one.inputs[0].incremental);
  EXPECT_EQ(one.targets[0].traits.mode, Mode::kAppend);
  EXPECT_EQ(one.rejects.at(0).traits.mode, Mode::kAppend);
  EXPECT_EQ(one.writes, (std::vector<std::string>{"bronze.one", "bronze.one_rejects"}));
  EXPECT_EQ(one.retry.attempts, 4);
  EXPECT_EQ(one.retry.delay, std::chrono::minutes(1));
  EXPECT_EQ(one.timeout, std::chrono::minutes(10));
  EXPECT_TRUE(AddsMetadata(one, one.targets[0]));
  const Task& two = pipeline->tasks[1];
  EXPECT_EQ(two.retry.attempts, 7);
  EXPECT_EQ(two.timeout, std::chrono::seconds(5));
  EXPECT_EQ(two.targets[0].when, "x > 1");
  EXPECT_EQ(two.targets[0].traits.mode, Mode::kMerge);
  EXPECT_TRUE(two.targets[1].otherwise);
  EXPECT_FALSE(AddsMetadata(two, two.targets[0]));
}

TEST_F(LoadPipelineTest, TheModeFollowsFromTheInputs) {
  auto pipeline = Load(R"(
name: p
tasks:
  - {name: file, from: {file: a.csv}, to: {table: a.a}}
  - {name: whole, from: {file: {path: a.csv, incremental: false}}, to: {table: a.b}}
  - {name: table, from: {table: a.a}, to: {table: a.c}}
  - {name: news, from: {table: {name: a.a, incremental: true}}, to: {table: {name: a.d}}}
  - {name: sql, sql: SELECT 1 AS x, to: {table: a.e}}
  - {name: replaced, from: {file: a.csv}, to: {table: {name: a.f, mode: replace}}}
)");
  ASSERT_TRUE(pipeline) << told_;
  std::map<std::string, std::string> modes;
  for (const Task& task : pipeline->tasks) {
    modes[task.name] = task.targets[0].traits.replaces ? "replace" : "append";
    if (!task.inputs.empty()) modes[task.name] += task.inputs[0].incremental ? " new" : " all";
  }
  EXPECT_EQ(modes["file"], "append new");
  EXPECT_EQ(modes["whole"], "replace all");
  EXPECT_EQ(modes["table"], "replace all");
  EXPECT_EQ(modes["news"], "append new");
  EXPECT_EQ(modes["sql"], "replace");
  EXPECT_EQ(modes["replaced"], "replace all");
}

TEST_F(LoadPipelineTest, AMatrixIsTheProductLessExcludeAndInclude) {
  auto pipeline = Load(R"(
name: p
tasks:
  - name: m
    matrix: {a: [1, 2], b: [x, y], exclude: [{a: 2, b: y}], include: [{a: 3, b: z}]}
    from: {file: "${matrix.a}.csv"}
    to: {table: "bronze.t_${matrix.a}${matrix.b}"}
  - {name: last, after: m, command: "true"}
  - {name: some, after: ["m[a=1,b=y]"], command: [ls, -l]}
)");
  ASSERT_TRUE(pipeline) << told_;
  EXPECT_EQ(Keys(*pipeline),
            (std::vector<std::string>{"p/m[a=1,b=x]", "p/m[a=1,b=y]", "p/m[a=2,b=x]",
                                      "p/m[a=3,b=z]", "p/last", "p/some"}));
  EXPECT_EQ(pipeline->Find("p/m[a=2,b=x]")->writes, std::vector<std::string>{"bronze.t_2x"});
  EXPECT_EQ(pipeline->Find("p/last")->upstream.size(), 4u);
  EXPECT_EQ(pipeline->Find("p/last")->command, (std::vector<std::string>{"/bin/sh", "-c", "true"}));
  EXPECT_EQ(pipeline->Find("p/some")->upstream, std::vector<std::string>{"p/m[a=1,b=y]"});
}

TEST_F(LoadPipelineTest, TasksStandAfterWhatTheyRead) {
  auto pipeline = Load(R"(
name: p
tasks:
  - {name: gold, from: {table: silver.s}, to: {table: gold.g}}
  - {name: silver, from: {bronze_rows: {table: bronze.b}}, to: {table: silver.s}}
  - {name: bronze, from: {landing: "x/*.csv"}, to: {table: bronze.b}}
  - {name: land, from: {file: x.csv}, to: {landing: x}}
)");
  ASSERT_TRUE(pipeline) << told_;
  EXPECT_EQ(Keys(*pipeline),
            (std::vector<std::string>{"p/land", "p/bronze", "p/silver", "p/gold"}));
  EXPECT_EQ(pipeline->tasks[3].upstream, std::vector<std::string>{"p/silver"});
  EXPECT_EQ(pipeline->tasks[2].sql, "SELECT * FROM \"bronze_rows\"");
}

TEST_F(LoadPipelineTest, TellsACycleWithItsPath) {
  EXPECT_FALSE(Load(R"(name: p
tasks:
  - {name: a, from: {table: x.c}, to: {table: x.a}}
  - {name: b, from: {table: x.a}, to: {table: x.b}}
  - {name: c, from: {table: x.b}, to: {table: x.c}}
)"));
  EXPECT_EQ(told_,
            "pipeline.yml:3:5: tasks wait for each other: a → c → b → a; a reads x.c, c reads x.b, "
            "b reads x.a");
}

TEST_F(LoadPipelineTest, ATaskWritesATableOnce) {
  EXPECT_FALSE(Load(R"(
name: p
tasks:
  - name: a
    sql: SELECT 1 AS x
    to:
      - {when: x > 1, table: {name: s.t, mode: append}}
      - {otherwise: true, table: {name: s.t, mode: append}}
)"));
  EXPECT_NE(told_.find("'a' writes 's.t' twice"), std::string::npos) << told_;
}

TEST_F(LoadPipelineTest, ParametersHaveDefaultsAndAreGiven) {
  const char* text = R"(name: p
params: {year: 2013, place: }
tasks:
  - {name: a, params: {n: 5},
     sql: "SELECT ${params.year} AS y, '${params.place}' AS p, ${params.n} AS n",
     to: {table: x.a}}
)";
  EXPECT_FALSE(Load(text));
  EXPECT_EQ(told_.substr(0, told_.find('\n')),
            "pipeline.yml:2:22: parameter 'place' has no value; give one with `--param place=…`, "
            "or a default here");
  auto pipeline = Load(text, {{"place", "EWR"}, {"n", "6"}});
  ASSERT_TRUE(pipeline) << told_;
  EXPECT_EQ(pipeline->tasks[0].sql, "SELECT 2013 AS y, 'EWR' AS p, 6 AS n");
  EXPECT_FALSE(Load(text, {{"place", "EWR"}, {"yaer", "2014"}}));
  EXPECT_EQ(told_, "pipeline.yml: there is no parameter 'yaer'; did you mean 'year'?");
}

TEST_F(LoadPipelineTest, APathThatIsGivenStartsWhereOneIs) {
  const char* text = R"(name: p
params: {in: {file: a.csv}, other: {file: }}
tasks:
  - {name: a, sql: "SELECT '${params.in}' AS i, '${params.other}' AS o", to: {table: x.a}}
)";
  EXPECT_FALSE(Load(text));
  EXPECT_NE(told_.find("parameter 'other' has no value"), told_.npos) << told_;
  auto pipeline = Load(text, {{"other", "b/../c.csv"}});
  ASSERT_TRUE(pipeline) << told_;
  std::string here = std::filesystem::current_path();
  EXPECT_EQ(pipeline->tasks[0].sql, "SELECT 'a.csv' AS i, '" + here + "/c.csv' AS o");
  EXPECT_FALSE(Load("name: p\nparams: {in: {path: a.csv}}\ntasks: []\n"));
  EXPECT_NE(told_.find("must be a plain value"), told_.npos) << told_;
}

TEST_F(LoadPipelineTest, TheDefinitionIsWhatDecidesTheRows) {
  auto hash = [&](const std::string& task) {
    auto pipeline =
        Load("name: p\nparams: {n: 1}\ntasks:\n  - {name: a, from: {file: a.csv}, " + task + "}\n");
    EXPECT_TRUE(pipeline) << told_;
    return pipeline ? pipeline->tasks[0].definition : "";
  };
  std::string base = hash("to: {table: x.a}, sql: 'SELECT * FROM input'");
  EXPECT_EQ(base, hash("to: {table: 'x.a'}, sql: SELECT * FROM input, retry: 3, timeout: 5s, "
                       "description: other"));
  EXPECT_NE(base, hash("to: {table: x.b}, sql: SELECT * FROM input"));
  EXPECT_NE(base, hash("to: {table: x.a}, sql: SELECT 1 AS x FROM input"));
  EXPECT_NE(base, hash("to: {table: {name: x.a, mode: replace}}, sql: SELECT * FROM input"));
  EXPECT_NE(base, hash("to: {table: x.a}, sql: 'SELECT * FROM input WHERE ${params.n} = 1'"));
  EXPECT_NE(base, hash("to: {table: x.a}, sql: SELECT * FROM input, metadata: true"));
  // The run's values are left by name.
  EXPECT_EQ(hash("to: {table: x.a}, sql: \"SELECT '${run.id}' AS r FROM input\""),
            hash("to: {table: x.a}, sql: \"SELECT '${run.id}' AS r FROM input\""));
}

TEST_F(LoadPipelineTest, RunValuesAreReplacedWhenKnown) {
  std::string file = folder_.Write("pipeline.yml", R"(name: p
tasks:
  - {name: a, from: {file: "in/${run.id}.csv"}, sql: "SELECT '${run.id}' AS r", to: {table: x.a}}
)");
  Diagnostics diagnostics;
  Project project = LoadProject(folder_.path(), "", diagnostics);
  RunValues run{"r1", Time{}, Time{}, Time{}};
  auto pipeline = LoadPipeline(project, file, registry_, {}, run, diagnostics);
  ASSERT_TRUE(pipeline && !diagnostics.HasErrors()) << diagnostics.ToString();
  EXPECT_EQ(pipeline->tasks[0].inputs[0].config.scalar, "in/r1.csv");
  EXPECT_EQ(pipeline->tasks[0].sql, "SELECT '${run.id}' AS r");
  EXPECT_EQ(ResolveRun(pipeline->tasks[0].sql, run), "SELECT 'r1' AS r");
  EXPECT_EQ(ResolveRun("${run.logical_date}", run), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(ResolveRun("$${run.id}${run.id}$${run.id}", run), "${run.id}r1${run.id}");
}

TEST_F(LoadPipelineTest, SqlFilesAreReadBesideThePipeline) {
  folder_.Write("sql/a.sql", "-- ${params.x}\nSELECT 1 AS x;\n");
  auto pipeline =
      Load("name: p\nparams: {x: 5}\ntasks:\n  - {name: a, sql: sql/a.sql, to: {table: x.a}}\n");
  ASSERT_TRUE(pipeline) << told_;
  EXPECT_EQ(pipeline->tasks[0].sql, "-- 5\nSELECT 1 AS x");
  Place place = pipeline->tasks[0].sql_source.PlaceOf(5);
  EXPECT_EQ(place.file, folder_.path() + "/sql/a.sql");
  EXPECT_EQ(place.line, 2);
  EXPECT_EQ(place.column, 1);
  EXPECT_FALSE(Load("name: p\ntasks:\n  - {name: a, sql: sql/b.sql, to: {table: x.a}}\n"));
  EXPECT_EQ(told_, "pipeline.yml:3:20: there is no file 'sql/b.sql'; did you mean 'sql/a.sql'?");
}

}  // namespace
}  // namespace millrace
