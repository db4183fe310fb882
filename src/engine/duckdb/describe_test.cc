#include <gtest/gtest.h>

#include <string>

#include "engine/duckdb/session_testing.h"

namespace millrace {
namespace {

TEST_F(EngineTest, DescribeFindsEveryUnknownColumn) {
  ASSERT_TRUE(session_->Define("bronze.x", {"SELECT 1 AS carrier, 'x' AS name"}).ok());
  EXPECT_EQ(
      Errors("SELECT carier, nme, carrier FROM bronze.x WHERE q > 1 AND x.zz = 2"),
      (Lines{"7 column: unknown column 'carier' [carrier, name]",
             "15 column: unknown column 'nme' [name]", "48 column: unknown column 'q' [carrier]",
             "58 column: unknown column 'zz' in 'x'"}));
  EXPECT_EQ(SchemaOf("SELECT carier, carrier FROM bronze.x"), "carier INTEGER, carrier INTEGER");
}

TEST_F(EngineTest, DescribeTellsOffsetsInBytes) {
  ASSERT_TRUE(session_->Define("t", {"SELECT 1 AS a"}).ok());
  EXPECT_EQ(Errors("SELECT 'é—ü', b FROM t"), Lines{"18 column: unknown column 'b' [a]"});
}

TEST_F(EngineTest, DescribeFindsEveryMissingTable) {
  ASSERT_TRUE(session_->Define("bronze.flights", {"SELECT 1 AS a"}).ok());
  EXPECT_EQ(Errors("SELECT * FROM bronze.flihgts JOIN bronze.planes USING (a)"),
            (Lines{"14 table: unknown table 'bronze.flihgts' [bronze.flights]",
                   "34 table: unknown table 'bronze.planes'"}));
}

TEST_F(EngineTest, DescribeTellsFunctionsTypesAndSyntax) {
  ASSERT_TRUE(session_->Define("t", {"SELECT 1 AS a, 'x' AS b"}).ok());
  EXPECT_EQ(Errors("SELECT uper(b), sum(b), qq FROM t"),
            (Lines{"7 function: unknown function 'uper' [upper]",
                   "16 type: no function sum(VARCHAR)", "24 column: unknown column 'qq' [a]"}));
  EXPECT_EQ(Errors("SELECT b + INTERVAL 1 DAY FROM t"),
            Lines{"9 type: operator + does not take (VARCHAR, INTERVAL)"});
  EXPECT_EQ(Errors("SELECT a b c FROM t"), Lines{"11 syntax: syntax error at or near \"c\""});
  EXPECT_EQ(Errors("SELECT a, sum(a) FROM t"),
            Lines{"7 group: column 'a' is neither in GROUP BY nor in an aggregate function"});
  EXPECT_EQ(Errors("SELECT a, a FROM t"),
            Lines{"- duplicate: two columns are named 'a'; rename one with AS"});
}

TEST_F(EngineTest, OnlyOneSelectIsAllowed) {
  for (std::string sql : {"DROP TABLE t", "SELECT 1; SELECT 2", "INSTALL httpfs",
                          "COPY (SELECT 1) TO '/tmp/x.csv'", "CREATE TABLE t (a INT)",
                          "SET threads = 1", "PIVOT t ON a USING sum(b)", "", "-- nothing"}) {
    EXPECT_EQ(session_->NamesIn({sql}).code(), Code::kInvalid) << sql;
    EXPECT_EQ(session_->Query({sql}, {}).code(), Code::kInvalid) << sql;
    EXPECT_EQ(session_->Define("v", {sql}).code(), Code::kInvalid) << sql;
    EXPECT_EQ(session_->Collect({sql}, {}).code(), Code::kInvalid) << sql;
    Result<Description> description = session_->Describe({sql});
    ASSERT_TRUE(description.ok()) << sql;
    EXPECT_FALSE(description->ok()) << sql;
  }
  EXPECT_EQ(session_->NamesIn({"UPDATE t SET a = 1"}).status().hint(),
            "write SELECT …, WITH … SELECT or VALUES …");
}

TEST_F(EngineTest, WhatIsNoSelectIsSaidSo) {
  EXPECT_EQ(
      Errors("DROP TABLE t"),
      Lines{"0 statement: only a SELECT can be a task's SQL; write SELECT …, WITH … SELECT or "
            "VALUES …"});
}

TEST_F(EngineTest, ClosingABracketDoesNotEscape) {
  EXPECT_FALSE(session_->Collect({"SELECT 1) AS x; DROP SCHEMA main; SELECT (2"}, {}).ok());
  EXPECT_FALSE(session_->Materialize("t", {"SELECT 1; DROP SCHEMA main"}, {}).ok());
}

TEST_F(EngineTest, TablesAreFoundWithScopes) {
  EXPECT_EQ(Tables("WITH c AS (SELECT 1 FROM d.e) SELECT a, (SELECT max(q) FROM t2) FROM c JOIN "
                   "x.y ON c.a = y.b, "
                   "bronze.t WHERE EXISTS (SELECT 1 FROM z)"),
            (Lines{"25 d.e", "60 t2", "76 x.y", "94 bronze.t", "131 z"}));
  EXPECT_EQ(Tables("WITH t AS (SELECT * FROM t) SELECT * FROM t"), Lines{"25 t"});
  EXPECT_EQ(Tables("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) "
                   "SELECT * FROM r"),
            Lines{});
  EXPECT_EQ(Tables("SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) JOIN c ON true"),
            Lines{"58 c"});
  EXPECT_EQ(Tables("FROM a.b UNION ALL FROM A.B; -- twice"), Lines{"5 a.b"});
  EXPECT_EQ(Tables("SELECT * FROM read_csv('x.csv'), 'y.parquet', range(3)"), Lines{});
  EXPECT_EQ(Tables("SELECT * FROM t PIVOT (sum(x) FOR y IN (1, 2))"), Lines{"14 t"});
}

TEST_F(EngineTest, VolatileCallsAreNamed) {
  EXPECT_EQ(
      session_->NamesIn({"SELECT random(), UUID(), now() FROM range(3) TABLESAMPLE 10%"})
          ->volatile_calls,
      (Lines{"random", "uuid", "sample"}));
  EXPECT_EQ(session_->NamesIn({"SELECT now(), current_date, upper('x')"})->volatile_calls, Lines{});
}

}  // namespace
}  // namespace millrace
