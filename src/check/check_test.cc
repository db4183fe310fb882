#include "check/check.h"

#include <gtest/gtest.h>

#include "engine/engine.h"

namespace millrace {
namespace {

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto engine = OpenDuckDb({.memory_limit = 256 << 20, .threads = 1});
    ASSERT_TRUE(engine.ok()) << engine.status().ToString();
    engine_ = *std::move(engine);
    session_ = *engine_->Open("test");
  }

  std::vector<Check> Parse(const std::string& yaml, bool rejects = true) {
    YamlNode node = ParseYaml(yaml, "p.yml", diagnostics_);
    return ParseChecks(node, rejects, diagnostics_);
  }

  // The checks' outcome over `rows`; the accepted and rejected rows as text in accepted_ and
  // rejected_.
  Checked Run(const std::string& yaml, const std::string& rows, bool rejects = true) {
    checks_ = Parse(yaml, rejects);
    EXPECT_EQ(diagnostics_.ToString(), "");
    Result<Checked> checked = RunChecks(checks_, *session_, {rows}, "t_", {});
    EXPECT_TRUE(checked.ok()) << checked.status().ToString();
    if (!checked.ok()) return {};
    accepted_ = Text(checked->accepted_rows);
    rejected_ = checked->rejected_rows ? Text(*checked->rejected_rows) : "";
    return *std::move(checked);
  }

  std::string Text(const Sql& sql) {
    auto rows = session_->Collect({"SELECT * FROM (" + sql.text + ") ORDER BY ALL"}, {});
    if (!rows.ok()) return rows.status().ToString();
    std::string all;
    for (const auto& row : *rows) {
      for (const auto& value : row) all += value.value_or("NULL") + "|";
      all += "\n";
    }
    return all;
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  Diagnostics diagnostics_;
  std::vector<Check> checks_;
  std::string accepted_, rejected_;
};

TEST_F(CheckTest, RowsThatFailGoAsideWithEachRulesName) {
  Checked checked = Run("[{not_null: [a, b]}, {range: {column: a, min: 1, max: 9}}]",
                        "FROM (VALUES (1, 'x'), (0, NULL), (NULL, 'y'), (10, 'z')) t(a, b)");
  EXPECT_TRUE(checked.verdict.ok());
  EXPECT_EQ(checked.rows, 4);
  EXPECT_EQ(checked.accepted, 1);
  EXPECT_EQ(checked.rejected, 3);
  EXPECT_EQ(accepted_, "1|x|\n");
  EXPECT_EQ(rejected_,
            "0|NULL|not_null(b), range(a)|b = NULL; a = 0|\n"
            "10|z|range(a)|a = 10|\n"
            "NULL|y|not_null(a)|a = NULL|\n");
}

TEST_F(CheckTest, FailingWithoutRejectsFailsTheTask) {
  Checked checked = Run("[{not_null: a}]", "FROM (VALUES (1), (NULL)) t(a)", false);
  EXPECT_EQ(checked.verdict.code(), Code::kQuality);
  EXPECT_EQ(checked.verdict.message(),
            "a check failed: not_null(a) (1 of 2 rows, for example a = NULL)");
}

TEST_F(CheckTest, AWarningIsToldAndKeepsTheRow) {
  Checked checked =
      Run("[{not_null: {columns: a, severity: warn}}]", "FROM (VALUES (1), (NULL)) t(a)");
  EXPECT_TRUE(checked.verdict.ok());
  EXPECT_EQ(checked.accepted, 2);
  EXPECT_FALSE(checked.outcomes[0].passed);
  EXPECT_EQ(checked.outcomes[0].failed_rows, 1);
}

TEST_F(CheckTest, OfRepeatedKeysTheFirstStaysAndNullsPass) {
  Checked checked =
      Run("[{unique: [k]}]",
          "FROM (VALUES (1, 'b'), (1, 'a'), (2, 'c'), (NULL, 'd'), (NULL, 'e')) t(k, v)");
  EXPECT_EQ(accepted_, "1|a|\n2|c|\nNULL|d|\nNULL|e|\n");
  EXPECT_EQ(rejected_, "1|b|unique(k)|k = 1|\n");
  EXPECT_EQ(checked.rejected, 1);
}

TEST_F(CheckTest, DroppedRowsAreNeitherAcceptedNorRejected) {
  Checked checked = Run("[{matches: {column: a, pattern: '^x', on_fail: drop}}, {not_null: b}]",
                        "FROM (VALUES ('x1', 1), ('y1', 1), ('y2', NULL), ('x2', NULL)) t(a, b)");
  EXPECT_EQ(accepted_, "x1|1|\n");
  EXPECT_EQ(checked.rejected, 2) << "quarantine is stronger than drop";
  EXPECT_EQ(checked.dropped, 1);
}

TEST_F(CheckTest, ValuesAndRelationships) {
  ASSERT_TRUE(session_->Define("silver.known", {"SELECT * FROM (VALUES (1), (NULL)) t(id)"}).ok());
  Checked checked =
      Run("[{accepted_values: {column: n, values: [1, 2]}}, {relationships: {column: n, to: "
          "silver.known, field: id}}]",
          "FROM (VALUES (1), (2), (3), (NULL)) t(n)");
  EXPECT_EQ(accepted_, "1|\nNULL|\n");
  EXPECT_EQ(checks_[1].table, "silver.known");
}

TEST_F(CheckTest, WholeChecksSeeAllRows) {
  Checked checked =
      Run("[{row_count: {min: 3}}, {sql: {name: two, query: SELECT count(*) = 2 FROM this}}, "
          "{sql: {name: none, query: SELECT * FROM this WHERE a = 2}}]",
          "FROM (VALUES (1), (2)) t(a)");
  EXPECT_FALSE(checked.outcomes[0].passed);
  EXPECT_EQ(checked.outcomes[0].detail, "rows = 2");
  EXPECT_TRUE(checked.outcomes[1].passed);
  EXPECT_EQ(checked.outcomes[2].detail, "a = 2");
  EXPECT_EQ(checked.verdict.code(), Code::kQuality);
}

TEST_F(CheckTest, FreshnessCountsFromTheFixedNow) {
  ASSERT_TRUE(session_->FixTime(*ParseTime("2020-01-02T00:00:00"), 1).ok());
  const char* rows = "SELECT TIMESTAMP '2020-01-01 12:00:00' AS at";
  EXPECT_TRUE(Run("[{freshness: {column: at, max_age: 13h}}]", rows).verdict.ok());
  EXPECT_EQ(Run("[{freshness: {column: at, max_age: 11h}}]", rows).verdict.code(), Code::kQuality);
}

TEST_F(CheckTest, FaultsOfTheFileAreToldAtTheirPlace) {
  Parse(
      "- {not_nul: id}\n- {range: {column: a}}\n- {not_null: a, unique: b}\n- not_null\n"
      "- {not_null: {columns: a, on_fail: quarantine}}\n",
      false);
  EXPECT_EQ(
      diagnostics_.ToString(),
      "p.yml:1:4: unknown check 'not_nul'; did you mean 'not_null'?\n"
      "p.yml:2:11: range: needs `min`, `max` or both\n"
      "p.yml:3:3: a check is a map with one key, its kind; for example {not_null: id}\n"
      "p.yml:4:3: a check is a map with one key, its kind; for example {not_null: id}\n"
      "p.yml:5:36: on_fail: quarantine, but the task has no `rejects`; add rejects: {table: …}, or "
      "choose drop or fail\n");
}

TEST_F(CheckTest, FaultsAgainstTheRowsAreToldAtTheirPlace) {
  auto checks = Parse(
      "- {not_null: [id, nam]}\n- {sql: {condition: 'idd > 1'}}\n- {sql: {condition: id + 1}}\n"
      "- {range: {column: name, min: 1}}\n- {relationships: {column: id, to: silver.nowhere}}\n");
  Schema schema{{{"id", {TypeKind::kBigInt}}, {"name", {TypeKind::kVarchar}}}};
  ASSERT_TRUE(session_->DefineEmpty("rows", schema).ok());
  ValidateChecks(checks, schema, *session_, "rows", diagnostics_);
  std::vector<Diagnostic> told = diagnostics_.Sorted();
  ASSERT_EQ(told.size(), 5u) << diagnostics_.ToString();
  EXPECT_EQ(FormatDiagnostic(told[0]),
            "p.yml:1:19: check 'not_null': the rows have no column 'nam'; did you mean 'name'?");
  EXPECT_EQ(told[1].place.line, 2);
  EXPECT_EQ(told[1].place.column, 22);
  EXPECT_EQ(told[2].place.line, 3);
  EXPECT_EQ(told[3].place.line, 4);
  EXPECT_EQ(told[4].place.line, 5);
  EXPECT_EQ(told[4].place.column, 36);
}

}  // namespace
}  // namespace millrace
