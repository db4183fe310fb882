#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/engine.h"
#include "pipeline/fake_connectors.h"
#include "pipeline/pipeline.h"

namespace millrace {
namespace {

using testing::FakeFileSource;
using testing::FakeRegistry;
using testing::Folder;

class CheckPipelinesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    engine_ = OpenDuckDb({.threads = 1}).value();
    lake_ = OpenLake(folder_.path() + "/lake", env_, *engine_);
  }

  // Loads and checks files; what is told, without the folder, one line each.
  std::string Check(const std::vector<std::string>& texts) {
    Diagnostics diagnostics;
    Project project = LoadProject(folder_.path(), "", diagnostics);
    pipelines_.clear();
    for (size_t i = 0; i < texts.size(); ++i) {
      std::string name = texts.size() == 1 ? "p.yml" : "p" + std::to_string(i + 1) + ".yml";
      std::string file = folder_.Write(name, texts[i]);
      auto pipeline = LoadPipeline(project, file, registry_, {}, std::nullopt, diagnostics);
      if (pipeline) pipelines_.push_back(*std::move(pipeline));
    }
    std::vector<Pipeline*> all;
    for (Pipeline& pipeline : pipelines_) all.push_back(&pipeline);
    ConnectContext connect{env_, *lake_, folder_.path(), folder_.path() + "/.millrace", "", ""};
    CheckContext context{*engine_, connect, folder_.path() + "/.millrace/schemas.json"};
    CheckPipelines(all, context, diagnostics);
    std::string told = diagnostics.ToString();
    std::string prefix = folder_.path() + "/";
    for (size_t at = told.find(prefix); at != std::string::npos; at = told.find(prefix)) {
      told.erase(at, prefix.size());
    }
    return told.ends_with("\n") ? told.substr(0, told.size() - 1) : told;
  }
  std::string Shape(const std::string& key) {
    for (const Pipeline& pipeline : pipelines_) {
      const Task* task = pipeline.Find(key);
      if (!task || !task->schema) continue;
      std::string text;
      for (const Column& column : task->schema->columns) {
        text += (text.empty() ? "" : ", ") + column.name + " " + column.type.ToSql();
      }
      return text;
    }
    return "unknown";
  }

  Folder folder_{"millrace-check-test"};
  Env env_{SystemClock()};
  Registry registry_ = FakeRegistry();
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Lake> lake_;
  std::vector<Pipeline> pipelines_;
};

TEST_F(CheckPipelinesTest, InfersTheShapeThroughTheChain) {
  EXPECT_EQ(Check({R"(name: p
tasks:
  - {name: gold, sql: "SELECT day, sum(amount) AS total FROM silver.orders GROUP BY day",
     to: {table: gold.days}}
  - {name: silver, sql: "SELECT *, CAST(ts AS DATE) AS day FROM bronze.orders",
     checks: [{not_null: id}], rejects: {table: silver.rejects}, to: {table: silver.orders}}
  - {name: bronze,
     from: {file: {path: a.csv, columns: {id: BIGINT, amount: INTEGER, ts: TIMESTAMP}}},
     to: {table: bronze.orders}}
  - {name: again, sql: "SELECT id, _rule, _line FROM silver.rejects", to: {table: gold.rejects}}
)"}),
            "");
  EXPECT_EQ(Shape("p/bronze"), "amount INTEGER, id BIGINT, ts TIMESTAMP");
  EXPECT_EQ(Shape("p/silver"),
            "amount INTEGER, id BIGINT, ts TIMESTAMP, _ingested_at TIMESTAMP WITH TIME ZONE, "
            "_run_id VARCHAR, day DATE");
  EXPECT_EQ(Shape("p/gold"), "day DATE, total BIGINT");
  EXPECT_EQ(Shape("p/again"), "id BIGINT, _rule VARCHAR, _line BIGINT");
  EXPECT_EQ(pipelines_[0].Find("p/gold")->upstream, std::vector<std::string>{"p/silver"});
  EXPECT_EQ(pipelines_[0].Find("p/gold")->reads, std::vector<std::string>{"silver.orders"});
  EXPECT_EQ(pipelines_[0].tasks.front().key, "p/bronze");
}

TEST_F(CheckPipelinesTest, TellsSqlErrorsAtTheirPlaces) {
  folder_.Write("sql/b.sql",
                "SELECT id,\n       amont\nFROM bronze.orders\nWHERE nme = '${run.id}'\n");
  EXPECT_EQ(Check({R"(name: p
vars: {LONG: a_value_that_is_longer_than_its_name}
tasks:
  - name: bronze
    from: {file: {path: a.csv, columns: {id: BIGINT, amount: INTEGER, name: VARCHAR}}}
    to: {table: bronze.orders}
  - name: a
    sql: |
      SELECT id, '${LONG}' AS long,
             idd + 1 AS next
      FROM bronze.orders
    to: {table: silver.a}
  - {name: b, sql: sql/b.sql, to: {table: silver.b}}
  - {name: c, sql: "SELECT FROM WHERE", to: {table: silver.c}}
  - {name: d, sql: SELECT * FROM bronze.order, to: {table: silver.d}}
  - {name: e, sql: SELECT next + nothing FROM silver.a, to: {table: silver.e}}
  - {name: f, sql: "SELECT nosuch(id) AS x, amount || 1 + name AS y FROM bronze.orders",
     to: {table: silver.f}}
)"}),
            "p.yml:10:14: unknown column 'idd'; did you mean 'id'?\n"
            "p.yml:14:33: syntax error at or near \"WHERE\"\n"
            "p.yml:15:34: unknown table 'bronze.order'; did you mean 'bronze.orders'?\n"
            "p.yml:17:28: unknown function 'nosuch'; did you mean 'cosh'?\n"
            "p.yml:17:57: operator + does not take (INTEGER_LITERAL, VARCHAR)\n"
            "sql/b.sql:2:8: unknown column 'amont'; did you mean 'amount'?\n"
            "sql/b.sql:4:7: unknown column 'nme'; did you mean 'name'?");
}

TEST_F(CheckPipelinesTest, TellsWhatChecksAndTargetsName) {
  EXPECT_EQ(Check({R"(name: p
tasks:
  - name: a
    from: {file: {path: a.csv, columns: {id: BIGINT, name: VARCHAR}}}
    checks:
      - not_null: [idd]
      - range: {column: id, min: 1}
      - sql: {name: s, condition: "id > nme"}
      - sql: {name: q, query: "SELECT * FROM silver.nosuch"}
      - relationships: {column: id, to: silver.people}
    to:
      - {when: "id", table: {name: silver.a, mode: merge, key: [id, nr]}}
      - {when: "nam = 'x'", table: {name: silver.b, mode: append, partition_by: [year]}}
      - {otherwise: true, table: {name: silver.c, mode: append}}
)"}),
            "p.yml:6:20: check 'not_null': the rows have no column 'idd'; did you mean 'id'?\n"
            "p.yml:8:41: check 's': unknown column 'nme'; did you mean 'name'?\n"
            "p.yml:9:46: unknown table 'silver.nosuch'; no task writes it, and the lake has no "
            "such table\n"
            "p.yml:10:41: unknown table 'silver.people'; no task writes it, and the lake has no "
            "such table\n"
            "p.yml:12:17: 'when' must be true or false, here it is BIGINT\n"
            "p.yml:12:69: 'key': the rows have no column 'nr'; there are: id, name\n"
            "p.yml:13:17: unknown column 'nam'; did you mean 'name'?\n"
            "p.yml:13:82: 'partition_by': the rows have no column 'year'; there are: id, name");
}

TEST_F(CheckPipelinesTest, WarnsOfWhatRepeatsAndOfWhatIsNotRead) {
  EXPECT_EQ(Check({R"(name: p
tasks:
  - {name: a, from: {file: {path: a.csv, columns: {id: BIGINT}}}, to: {table: bronze.a}}
  - {name: b, from: {table: bronze.a}, to: {table: {name: silver.b, mode: append}}}
  - {name: c, sql: "SELECT id, random() FROM bronze.a", to: {table: {name: silver.c, mode: append}}}
  - {name: d, from: {x: {table: bronze.a}, y: {table: bronze.a}}, sql: SELECT * FROM x,
     to: {table: silver.d}}
)"}),
            "p.yml:4:22: warning: each run appends all rows of 'bronze.a' again; read it with "
            "`incremental: true`, or use `mode: replace` or `mode: merge`\n"
            "p.yml:5:32: warning: random() gives other values when the same rows are computed "
            "again after a failure; derive the value from the row, for example with md5() or "
            "hash()\n"
            "p.yml:5:62: warning: each run appends all rows of 'bronze.a' again; read it with "
            "`incremental: true`, or use `mode: replace` or `mode: merge`\n"
            "p.yml:6:48: warning: the SQL does not read the input 'y'");
}

TEST_F(CheckPipelinesTest, DeclaredColumnsStandInAndAreCompared) {
  EXPECT_EQ(
      Check({R"(name: p
tasks:
  - {name: a, from: {file: a.csv}, columns: {id: BIGINT, ts: TIMESTAMPTZ}, to: {table: silver.a}}
  - {name: b, sql: "SELECT id, tss FROM silver.a", to: {table: silver.b}}
  - {name: c, sql: "SELECT id, ts FROM silver.a", columns: {id: VARCHAR, when: TIMESTAMPTZ},
     to: {table: silver.c}}
  - {name: d, from: {file: b.csv}, to: {table: silver.d}}
  - {name: e, sql: "SELECT whatever FROM silver.d", to: {table: silver.e}}
)"}),
      "p.yml:4:32: unknown column 'tss'; did you mean 'ts'?\n"
      "p.yml:5:60: column 'id' is declared as VARCHAR, but it is BIGINT; cast it in the SQL, or "
      "declare it as it is\n"
      "p.yml:5:60: column 'when' is declared, but the rows lack it; there are: id, ts\n"
      "p.yml:5:60: column 'ts' is not declared; add `ts: TIMESTAMP WITH TIME ZONE`, or leave it "
      "out of the SQL");
}

TEST_F(CheckPipelinesTest, BeforeTheFirstRunTheFilesThatWillLandTell) {
  EXPECT_EQ(Check({R"(name: p
tasks:
  - {name: land, from: {file: {path: in/a.csv, columns: {id: BIGINT}}}, to: {landing: a}}
  - {name: bronze, from: {landing: {path: a/*.csv, columns: {id: INTEGER}}}, to: {table: bronze.a}}
  - {name: silver, sql: "SELECT idd FROM bronze.a", to: {table: silver.a}}
)"}),
            "p.yml:5:33: unknown column 'idd'; did you mean 'id'?");
  EXPECT_EQ(Shape("p/bronze"), "id INTEGER");
}

TEST_F(CheckPipelinesTest, PipelinesSeeEachOthersTables) {
  EXPECT_EQ(Check({R"(name: one
tasks:
  - {name: gold, sql: "SELECT id FROM silver.a", to: {table: gold.a}}
)",
                   R"(name: two
tasks:
  - {name: silver, sql: "SELECT 1 AS id", to: {table: silver.a}}
  - {name: last, sql: "SELECT idd FROM gold.a", to: {table: gold.b}}
)"}),
            "p2.yml:4:31: unknown column 'idd'; did you mean 'id'?");
  EXPECT_TRUE(pipelines_[0].tasks[0].upstream.empty());
}

TEST_F(CheckPipelinesTest, SchemasOfFilesAreKept) {
  std::string text = R"(name: p
tasks:
  - {name: a, from: {file: {path: a.csv, columns: {id: BIGINT}}}, to: {table: bronze.a}}
  - {name: b, from: {file: {path: broken.csv}}, to: {table: bronze.b}}
)";
  FakeFileSource::described = 0;
  EXPECT_EQ(Check({text}), "p.yml:4:28: 'broken.csv' is broken; mend it");
  EXPECT_EQ(FakeFileSource::described, 2);
  EXPECT_EQ(Check({text}), "p.yml:4:28: 'broken.csv' is broken; mend it");
  EXPECT_EQ(FakeFileSource::described, 3);
  EXPECT_EQ(Shape("p/a"), "id BIGINT");
}

}  // namespace
}  // namespace millrace
