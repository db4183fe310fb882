#include "lake/lake_testing.h"

namespace millrace {
namespace {

TEST_F(LakeTest, AppendsAndReadsBack) {
  EXPECT_EQ(OpenTable("bronze.a")->Load().code(), Code::kNotFound);
  EXPECT_EQ(*Write("bronze.a", "SELECT 1 AS id, 'one' AS name"), 0);
  EXPECT_EQ(*Write("bronze.a", "SELECT 'two' AS name, 2 AS id"), 1) << "columns go by name";
  EXPECT_EQ(Rows("bronze.a"), (Lines{"1|one", "2|two"}));
}

TEST_F(LakeTest, EachModeHasItsRows) {
  ASSERT_TRUE(Write("s.t", "SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (3, 'c')) AS v(id, x)").ok());
  ASSERT_TRUE(Write("s.t", "SELECT 4 AS id, 'd' AS x").ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"1|a", "2|b", "3|c", "4|d"}));

  ASSERT_TRUE(Write("s.t", "SELECT * FROM (VALUES (2, 'B'), (5, 'E')) AS v(id, x)",
                    {.mode = Mode::kMerge, .key = {"id"}})
                  .ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"1|a", "2|B", "3|c", "4|d", "5|E"}));

  ASSERT_TRUE(Write("s.t", "SELECT * FROM (VALUES (1, 'p'), (1, 'q')) AS v(id, x)",
                    {.mode = Mode::kDeleteInsert, .key = {"id"}})
                  .ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"1|p", "1|q", "2|B", "3|c", "4|d", "5|E"}));

  ASSERT_TRUE(Write("s.t", "SELECT 9 AS id, 'z' AS x", {.mode = Mode::kReplace}).ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"9|z"}));
  ASSERT_TRUE(Write("s.t", "SELECT 9 AS id, 'z' AS x WHERE false", {.mode = Mode::kReplace}).ok());
  EXPECT_EQ(Rows("s.t"), (Lines{}));
  EXPECT_EQ(Rows("s.t", {.version = 1}), (Lines{"1|a", "2|b", "3|c", "4|d"}));
}

TEST_F(LakeTest, CheckpointsCarryTheState) {
  for (int i = 0; i < 23; ++i)
    ASSERT_TRUE(Write("s.t", "SELECT " + std::to_string(i) + " AS id").ok());
  auto storage = OpenLocalStorage(folder_ + "/lake");
  EXPECT_TRUE(storage->Stat("s/t/_delta_log/00000000000000000020.checkpoint.parquet").ok());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(storage
                    ->Remove("s/t/_delta_log/" +
                             std::string(i < 10 ? "0000000000000000000" : "000000000000000000") +
                             std::to_string(i) + ".json")
                    .ok());
  }
  lake_ = *OpenLake(folder_ + "/lake", env_, *engine_);
  EXPECT_EQ(Rows("s.t").size(), 23u);
  EXPECT_EQ(OpenTable("s.t")->Load()->transactions.at("test").version, 23);
  EXPECT_EQ((*OpenTable("s.t")->LastTransaction("test"))->position, "at 23");
}

}  // namespace
}  // namespace millrace
