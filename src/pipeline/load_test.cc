#include <gtest/gtest.h>
#include <unistd.h>

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
  std::optional<Pipeline> Load(const std::string& text, const std::map<std::string, std::string>& params = {}) {
    std::string file = folder_.Write("pipeline.yml", text);
    Diagnostics diagnostics;
    Project project = LoadProject(folder_.path(), "", diagnostics);
    std::optional<Pipeline> pipeline = LoadPipeline(project, file, registry_, params, std::nullopt, diagnostics);
    Told(diagnostics);
    if (diagnostics.HasErrors()) return std::nullopt;
    return pipeline;
  }
  void Told(const Diagnostics& diagnostics) {
    told_ = diagnostics.ToString();
    std::string prefix = folder_.path() + "/";
    for (size_t at = told_.find(prefix); at != std::string::npos; at = told_.find(prefix)) told_.erase(at, prefix.size());
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
  EXPECT_EQ(one.rejects->traits.mode, Mode::kAppend);
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
  EXPECT_EQ(Keys(*pipeline), (std::vector<std::string>{"p/m[a=1,b=x]", "p/m[a=1,b=y]", "p/m[a=2,b=x]", "p/m[a=3,b=z]",
                                                       "p/last", "p/some"}));
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
  EXPECT_EQ(Keys(*pipeline), (std::vector<std::string>{"p/land", "p/bronze", "p/silver", "p/gold"}));
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
  EXPECT_EQ(told_, "pipeline.yml:3:5: tasks wait for each other: a → c → b → a; a reads x.c, c reads x.b, b reads x.a");
}

TEST_F(LoadPipelineTest, TellsEveryMistakeAtOnce) {
  EXPECT_FALSE(Load(R"(name: 1p
shedule: "@daily"
tasks:
  - name: a b
    from: {fil: a.csv}
    to: {tabel: x.a}
  - name: c
    from: {orders: {file: a.csv}, table: {table: x.a}}
    sql: missing.sql
    to: [{when: "x > 1", otherwise: true, table: x.b}, silver.x]
    after: [aa]
  - name: c
  - name: d
    matrix: {t: x}
  - name: e
    command: ls
    sql: SELECT 1
  - name: f
  - {name: g, from: {file: a.csv}, to: {table: {name: x.g, mode: replace}}}
  - {name: h, from: {file: a.csv}, to: {table: {name: x.g, mode: append}}}
  - {name: i, from: {file: {path: a.csv, incremental: true}}, to: {table: {name: x.i, mode: replace}}}
  - {name: j, from: "${FLIE}", columns: {a: integre}, retry: {attempts: 0}}
  - {name: k, from: {file: a.csv}, sql: SELECT 1, to: {landing: x}}
)"));
  EXPECT_EQ(told_, R"(pipeline.yml:2:1: unknown field 'shedule' in pipeline; did you mean 'schedule'?
pipeline.yml:4:11: 'a b' is not a name for a task; use letters, digits, _ and -, and begin with a letter
pipeline.yml:5:12: unknown source 'fil'; did you mean 'file'?
pipeline.yml:6:10: unknown sink 'tabel'; did you mean 'table'?
pipeline.yml:8:35: an input must not be named like the connector 'table'; give it a name of its own: `orders: {table: …}`
pipeline.yml:9:10: there is no file 'missing.sql'
pipeline.yml:10:17: a target has `when` or `otherwise`, not both
pipeline.yml:10:56: 'to' needs a connector; write `to: {table: silver.x}`
pipeline.yml:11:12: 'after': there is no task 'aa'; there are: a b, c, d, e, f, g, h, i, j, k
pipeline.yml:12:11: there are two tasks named 'c'; the other is in line 7
pipeline.yml:14:17: matrix: 't' must be a list of values; write `t: [a, b]`
pipeline.yml:17:10: a task with a command has no 'sql'; make it two tasks, the second one `after` the first
pipeline.yml:18:5: task 'f' does nothing; give it `from`, `sql` or `command`
pipeline.yml:20:41: 'x.g' is written by both 'g' and 'h', and one would replace the other's rows; use `mode: append` or `mode: merge` in both, or a table for each
pipeline.yml:21:22: input 'input' brings only new rows, but the target replaces all it has; use `mode: append` or `mode: merge`, or leave `incremental` out
pipeline.yml:22:22: undefined variable 'FLIE'; set it in the environment or .env, or give a default: ${FLIE:default}
pipeline.yml:22:45: column 'a': 'integre' is not a column type; for example BIGINT, DOUBLE, DECIMAL(10,2), VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ, BOOLEAN
pipeline.yml:22:73: 'attempts' must be at least 1, not '0'
pipeline.yml:23:41: 'landing' takes files as they are: 'sql' does not apply; do it in the task that reads them)");
}

TEST_F(LoadPipelineTest, ParametersHaveDefaultsAndAreGiven) {
  const char* text = R"(name: p
params: {year: 2013, place: }
tasks:
  - {name: a, params: {n: 5}, sql: "SELECT ${params.year} AS y, '${params.place}' AS p, ${params.n} AS n", to: {table: x.a}}
)";
  EXPECT_FALSE(Load(text));
  EXPECT_EQ(told_.substr(0, told_.find('\n')),
            "pipeline.yml:2:22: parameter 'place' has no value; give one with `--param place=…`, or a default here");
  auto pipeline = Load(text, {{"place", "EWR"}, {"n", "6"}});
  ASSERT_TRUE(pipeline) << told_;
  EXPECT_EQ(pipeline->tasks[0].sql, "SELECT 2013 AS y, 'EWR' AS p, 6 AS n");
  EXPECT_FALSE(Load(text, {{"place", "EWR"}, {"yaer", "2014"}}));
  EXPECT_EQ(told_, "pipeline.yml: there is no parameter 'yaer'; did you mean 'year'?");
}

TEST_F(LoadPipelineTest, TheDefinitionIsWhatDecidesTheRows) {
  auto hash = [&](const std::string& task) {
    auto pipeline = Load("name: p\nparams: {n: 1}\ntasks:\n  - {name: a, from: {file: a.csv}, " + task + "}\n");
    EXPECT_TRUE(pipeline) << told_;
    return pipeline ? pipeline->tasks[0].definition : "";
  };
  std::string base = hash("to: {table: x.a}, sql: 'SELECT * FROM input'");
  EXPECT_EQ(base, hash("to: {table: 'x.a'}, sql: SELECT * FROM input, retry: 3, timeout: 5s, description: other"));
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
}

TEST_F(LoadPipelineTest, SqlFilesAreReadBesideThePipeline) {
  folder_.Write("sql/a.sql", "-- ${params.x}\nSELECT 1 AS x;\n");
  auto pipeline = Load("name: p\nparams: {x: 5}\ntasks:\n  - {name: a, sql: sql/a.sql, to: {table: x.a}}\n");
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
