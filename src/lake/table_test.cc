#include <algorithm>
#include <thread>

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
  lake_ = OpenLake(folder_ + "/lake", env_, *engine_);
  EXPECT_EQ(Rows("s.t").size(), 23u);
  EXPECT_EQ(OpenTable("s.t")->Load()->transactions.at("test").version, 23);
  EXPECT_EQ((*OpenTable("s.t")->LastTransaction("test"))->position, "at 23");
}

std::string Why(const Result<int64_t>& result) {
  return result.ok() ? "ok" : result.status().message();
}

TEST_F(LakeTest, KeysMustBeUniqueAndThere) {
  WriteOptions merge{.mode = Mode::kMerge, .key = {"id", "x"}};
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id, 'a' AS x", merge).ok());
  EXPECT_EQ(
      Why(Write("s.t", "SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (1, 'b')) AS v(id, x)", merge)),
      "the key is not unique in the rows for s.t: id = 1, x = b comes 2 times");
  Result<int64_t> null = Write("s.t", "SELECT 1 AS id, NULL::VARCHAR AS x", merge);
  EXPECT_EQ(Why(null), "1 rows for s.t have a null in the key (id, x)");
  EXPECT_EQ(null.code(), Code::kRejected);
  EXPECT_EQ(Why(Write("s.t", "SELECT 1 AS id", merge)), "the rows for s.t have no key column 'x'");
  EXPECT_EQ(Why(Write("s.t", "SELECT 1 AS id", {.mode = Mode::kMerge})),
            "mode merge and delete_insert need `key`");
  EXPECT_EQ(Version("s.t"), 0);
  EXPECT_EQ(FilesOnDisk("s.t").size(), 1u) << "what failed leaves no files";
}

// Whatever comes together and in whatever order: the table is the same.
TEST_F(LakeTest, MergeByOrderIsTheSameInAnyBatches) {
  WriteOptions merge{.mode = Mode::kMerge,
                     .key = {"id"},
                     .order_by = {"seen"},
                     .delete_when = "op = 'delete'",
                     .exclude = {"op"}};
  auto changes = [](std::string rows) {
    return "SELECT * FROM (VALUES " + rows + ") AS v(id, seen, x, op)";
  };
  ASSERT_TRUE(Write("s.one",
                    changes("(1, 1, 'a', 'insert'), (2, 2, 'b', 'insert'), (1, 3, 'A', 'update'), "
                            "(2, 4, NULL, 'delete'), (3, 5, 'c', 'insert'), (3, 6, 'C', 'update')"),
                    merge)
                  .ok());
  EXPECT_EQ(Rows("s.one"), (Lines{"1|3|A", "3|6|C"}));
  for (const char* rows : {"(1, 1, 'a', 'insert'), (2, 2, 'b', 'insert')", "(3, 6, 'C', 'update')",
                           "(2, 4, NULL, 'delete'), (1, 3, 'A', 'update')",
                           "(3, 5, 'c', 'insert')"}) {
    ASSERT_TRUE(Write("s.many", changes(rows), merge).ok());
  }
  EXPECT_EQ(Rows("s.many"), Rows("s.one"));
  Result<int64_t> unknown = Write("s.many", "SELECT 1 AS id, 2 AS seen", merge);
  EXPECT_NE(Why(unknown).find("op"), std::string::npos) << Why(unknown);
}

TEST_F(LakeTest, DeleteInsertTakesNullsAsKeys) {
  ASSERT_TRUE(Write("s.t", "SELECT * FROM (VALUES (NULL, 1), ('a', 2)) AS v(k, n)").ok());
  ASSERT_TRUE(Write("s.t", "SELECT * FROM (VALUES (NULL, 3), (NULL, 4)) AS v(k, n)",
                    {.mode = Mode::kDeleteInsert, .key = {"k"}})
                  .ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"a|2", "NULL|3", "NULL|4"}));
}

TEST_F(LakeTest, MergeRewritesOnlyTheFilesItMeets) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id, 'a' AS x").ok());
  ASSERT_TRUE(Write("s.t", "SELECT 2 AS id, 'b' AS x").ok());
  Snapshot before = *OpenTable("s.t")->Load();
  ASSERT_TRUE(Write("s.t", "SELECT 2 AS id, 'B' AS x", {.mode = Mode::kMerge, .key = {"id"}}).ok());
  Snapshot after = *OpenTable("s.t")->Load();
  ASSERT_EQ(after.files.size(), 2u);
  int kept = 0;
  for (const DataFile& file : after.files) {
    for (const DataFile& old : before.files) kept += file.path == old.path;
  }
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(after.rows(), 2);
}

TEST_F(LakeTest, RowsOfARewrittenFileAreReplaced) {
  ASSERT_TRUE(Write("b.t",
                    "SELECT * FROM (VALUES (1, 'a.csv'), (2, 'a.csv'), (3, 'b.csv'), (4, NULL)) "
                    "AS v(id, _source_file)")
                  .ok());
  ASSERT_TRUE(
      Write("b.t", "SELECT 9 AS id, 'a.csv' AS _source_file", {.replaced_files = {"a.csv", "it's"}})
          .ok());
  EXPECT_EQ(Rows("b.t"), (Lines{"3|b.csv", "4|NULL", "9|a.csv"}));
}

TEST_F(LakeTest, PartitionsStayAsTheyAre) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id, 'x' AS P", {.partition_by = {"p"}}).ok());
  EXPECT_EQ(OpenTable("s.t")->Load()->partition_by, (Lines{"P"}));
  ASSERT_TRUE(Write("s.t", "SELECT 2 AS id, 'y' AS p").ok()) << "not said: as it was";
  EXPECT_EQ(Why(Write("s.t", "SELECT 3 AS id, 'y' AS p", {.partition_by = {"id"}})),
            "s.t is partitioned by (P), not by (id)");
  EXPECT_EQ(Why(Write("s.u", "SELECT 1 AS id", {.partition_by = {"q"}})),
            "there is no column 'q' to partition s.u by");
  EXPECT_EQ(Why(Write("s.u", "SELECT 1 AS id", {.partition_by = {"id"}})),
            "s.u must have a column that it is not partitioned by");
  ASSERT_TRUE(
      Write("s.t", "SELECT 3 AS id, 'z' AS p", {.mode = Mode::kReplace, .partition_by = {"id"}})
          .ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"3|z"}));
  EXPECT_EQ(Rows("s.t", {.version = 1}), (Lines{"1|x", "2|y"}));
}

TEST_F(LakeTest, ACommitCountsOnce) {
  auto first = *OpenTable("s.t")->Write({});
  ASSERT_TRUE(first->Stage(*session_, {"SELECT 1 AS id"}, {}).ok());
  EXPECT_EQ(*first->Commit({"p/t", 7}, "pos", SystemClock().Now(), {}), 0);
  EXPECT_EQ(*first->Commit({"p/t", 7}, "pos", SystemClock().Now(), {}), 0);
  for (int64_t sequence : {7, 6}) {
    auto again = *OpenTable("s.t")->Write({});
    ASSERT_TRUE(again->Stage(*session_, {"SELECT 1 AS id"}, {}).ok());
    EXPECT_EQ(*again->Commit({"p/t", sequence}, "pos", SystemClock().Now(), {}), 0);
  }
  EXPECT_EQ(Rows("s.t"), (Lines{"1"}));
  EXPECT_EQ(FilesOnDisk("s.t").size(), 1u);
  EXPECT_EQ((*OpenTable("s.t")->LastTransaction("p/t"))->position, "pos");
  EXPECT_FALSE(OpenTable("s.t")->LastTransaction("other")->has_value());
  EXPECT_FALSE(OpenTable("s.none")->LastTransaction("p/t")->has_value());
}

TEST_F(LakeTest, AWriteThatIsDroppedLeavesNothing) {
  {
    auto write = *OpenTable("s.t")->Write({.partition_by = {"p"}});
    ASSERT_TRUE(write->Stage(*session_, {"SELECT 1 AS id, 'x' AS p"}, {}).ok());
    EXPECT_EQ(FilesOnDisk("s.t").size(), 1u);
    EXPECT_TRUE(lake_->Tables()->empty()) << "no table before the first commit";
  }
  EXPECT_TRUE(FilesOnDisk("s.t").empty());
  EXPECT_EQ(OpenTable("s.t")->Load().code(), Code::kNotFound);
}

TEST_F(LakeTest, AWriteWithoutRowsKeepsItsCommit) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id WHERE false").ok());
  EXPECT_EQ(Rows("s.t"), (Lines{}));
  EXPECT_EQ(OpenTable("s.t")->Load()->schema.columns[0].type.ToSql(), "INTEGER");
  ASSERT_TRUE(
      Write("s.t", "SELECT 1 AS id WHERE false", {.mode = Mode::kMerge, .key = {"id"}}).ok());
  EXPECT_EQ((*OpenTable("s.t")->LastTransaction("test"))->version, 2);
}

TEST_F(LakeTest, ChangesAreAppendsOnly) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id").ok());
  ASSERT_TRUE(Write("s.t", "SELECT 2 AS id").ok());
  ASSERT_TRUE(Write("s.t", "SELECT 3 AS id, 'x' AS extra").ok());
  ASSERT_EQ(*OpenTable("s.t")->Compact(*session_, {}, SystemClock().Now(), {}), 3);
  ASSERT_TRUE(Write("s.t", "SELECT 4 AS id, 'y' AS extra").ok());
  auto table = OpenTable("s.t");
  EXPECT_EQ(RowsOf(*table->ScanChanges(*session_, 0, 4)), (Lines{"2|NULL", "3|x", "4|y"}));
  EXPECT_EQ(RowsOf(*table->ScanChanges(*session_, 4, 4)), (Lines{}));
  EXPECT_EQ(RowsOf(*table->ScanChanges(*session_, -1, 1)), (Lines{"1", "2"}));
  ASSERT_TRUE(
      Write("s.t", "SELECT 4 AS id, 'Y' AS extra", {.mode = Mode::kMerge, .key = {"id"}}).ok());
  Result<Sql> changes = table->ScanChanges(*session_, 4, 5);
  EXPECT_EQ(changes.code(), Code::kInvalid);
  EXPECT_EQ(changes.status().message(),
            "the rows of s.t since version 4 cannot be told from the others: version 5 "
            "(MERGE) removed or changed rows");
}

TEST_F(LakeTest, HistoryTellsWhoDidWhat) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id UNION ALL SELECT 2", {.run = "run-1"}).ok());
  ASSERT_TRUE(
      Write("s.t", "SELECT 2 AS id", {.mode = Mode::kMerge, .key = {"id"}, .run = "run-2"}).ok());
  ASSERT_TRUE(OpenTable("s.t")->Restore({.version = 0}, SystemClock().Now()).ok());
  std::vector<HistoryEntry> history = *OpenTable("s.t")->History(0);
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[0].operation, "RESTORE");
  EXPECT_EQ(history[1].operation, "MERGE");
  EXPECT_EQ(history[1].run, "run-2");
  EXPECT_EQ(history[1].rows_added, 1);
  EXPECT_EQ(history[2].rows_added, 2);
  EXPECT_GT(history[0].committed, history[2].committed);
  EXPECT_EQ(OpenTable("s.t")->History(1)->size(), 1u);
}

TEST_F(LakeTest, TimeTravels) {
  ASSERT_TRUE(Write("s.t", "SELECT 0 AS id").ok());
  std::vector<Time> times = {OpenTable("s.t")->Load()->committed};
  for (int i = 1; i < 6; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    ASSERT_TRUE(Write("s.t", "SELECT " + std::to_string(i) + " AS id").ok());
    times.push_back(OpenTable("s.t")->Load()->committed);
  }
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(OpenTable("s.t")->Load({.time = times[i]})->version, static_cast<int64_t>(i));
    EXPECT_EQ(OpenTable("s.t")->Load({.time = times[i] + Micros(1500)})->version,
              static_cast<int64_t>(i));
  }
  EXPECT_EQ(OpenTable("s.t")->Load({.time = times[0] - Micros(1)}).code(), Code::kNotFound);
  EXPECT_EQ(OpenTable("s.t")->Load({.version = 6}).status().message(),
            "s.t has no version 6: the newest is 5");
}

TEST_F(LakeTest, RestoreNeedsItsFiles) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id").ok());
  ASSERT_TRUE(Write("s.t", "SELECT 2 AS id, 'x' AS y", {.mode = Mode::kReplace}).ok());
  EXPECT_EQ(*OpenTable("s.t")->Restore({.version = 0}, SystemClock().Now()), 2);
  EXPECT_EQ(Rows("s.t"), (Lines{"1"}));
  EXPECT_EQ(*OpenTable("s.t")->Restore({.version = 1}, SystemClock().Now()), 3);
  EXPECT_EQ(*OpenTable("s.t")->Restore({.version = 3}, SystemClock().Now()), 3) << "there already";
  ASSERT_TRUE(OpenTable("s.t")
                  ->Vacuum(Micros(0), false, SystemClock().Now() + std::chrono::seconds(1))
                  .ok());
  Result<int64_t> gone = OpenTable("s.t")->Restore({.version = 0}, SystemClock().Now());
  EXPECT_EQ(gone.code(), Code::kInvalid);
  EXPECT_NE(gone.status().message().find("needs 1 files that were removed"), std::string::npos);
  EXPECT_EQ(Rows("s.t"), (Lines{"2|x"}));
}

TEST_F(LakeTest, VacuumKeepsWhatARetainedVersionNeeds) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id").ok());
  for (int i = 0; i < 11; ++i)
    ASSERT_TRUE(Write("s.t", "SELECT 2 AS id", {.mode = Mode::kReplace}).ok());
  auto storage = OpenLocalStorage(folder_ + "/lake");
  ASSERT_TRUE(storage->Put("s/t/part-of-a-killed-writer.parquet", "x").ok());
  ASSERT_TRUE(storage->Put("s/t/_delta_log/.00000000000000000003.json.abc.tmp", "x").ok());
  ASSERT_TRUE(storage->Put("s/t/_kept_by_another_tool/x", "x").ok());
  Time later = SystemClock().Now() + std::chrono::hours(1);
  EXPECT_EQ(OpenTable("s.t")->Vacuum(std::chrono::hours(2), false, later)->files, 0);
  VacuumResult would = *OpenTable("s.t")->Vacuum(std::chrono::minutes(1), true, later);
  EXPECT_EQ(would.files, 13) << "11 replaced files and two leftovers";
  EXPECT_EQ(FilesOnDisk("s.t").size(), 14u) << "a dry run removes nothing";
  EXPECT_EQ(OpenTable("s.t")->Vacuum(std::chrono::minutes(1), false, later)->paths, would.paths);
  EXPECT_EQ(FilesOnDisk("s.t").size(), 2u);
  EXPECT_EQ(Rows("s.t"), (Lines{"2"}));
}

TEST_F(LakeTest, VacuumLeavesAWriterAtWorkAlone) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id").ok());
  ASSERT_TRUE(Write("s.t", "SELECT 2 AS id", {.mode = Mode::kReplace}).ok());
  auto write = *OpenTable("s.t")->Write({});
  ASSERT_TRUE(write->Stage(*session_, {"SELECT 3 AS id"}, {}).ok());
  Time later = SystemClock().Now() + std::chrono::hours(1);
  EXPECT_EQ(OpenTable("s.t")->Vacuum(Micros(0), false, later)->files, 1) << "the replaced file";
  ASSERT_TRUE(write->Commit({"late", 1}, "", SystemClock().Now(), {}).ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"2", "3"}));
  auto dropped = *OpenTable("s.t")->Write({});
  ASSERT_TRUE(dropped->Stage(*session_, {"SELECT 4 AS id"}, {}).ok());
  EXPECT_EQ(OpenTable("s.t")->Vacuum(Micros(0), false, later)->files, 0);
}

TEST_F(LakeTest, DeletesRowsBeforeATime) {
  std::string rows =
      "SELECT range AS id, TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (range) DAY AS at "
      "FROM range";
  ASSERT_TRUE(Write("s.t", rows + "(0, 3)").ok());
  ASSERT_TRUE(Write("s.t", rows + "(3, 6)").ok());
  ASSERT_TRUE(Write("s.t", rows + "(6, 9)").ok());
  ASSERT_TRUE(Write("s.t", "SELECT 9 AS id, CAST(NULL AS TIMESTAMPTZ) AS at").ok());
  auto table = OpenTable("s.t");
  auto remove = [&](const std::string& time) {
    return table->DeleteOlder(*session_, "at", *ParseTime(time), SystemClock().Now(), {});
  };
  EXPECT_EQ(*remove("2023-12-31"), 0);
  EXPECT_EQ(table->Load()->version, 3) << "nothing to do makes no version";
  EXPECT_EQ(*remove("2024-01-05"), 4);
  auto ids = session_->Collect({"SELECT id FROM (" + table->Scan(*session_, *table->Load())->text +
                                ") ORDER BY id"}, {});
  std::vector<std::string> left;
  for (const auto& row : *ids) left.push_back(*row[0]);
  EXPECT_EQ(left, (std::vector<std::string>{"4", "5", "6", "7", "8", "9"})) << "no time, no end";
  Snapshot after = *table->Load();
  EXPECT_EQ(after.rows(), 6);
  EXPECT_EQ(table->Load({.version = 3})->rows(), 10) << "until a vacuum";
  EXPECT_EQ((*table->History(1))[0].operation, "DELETE");
  EXPECT_EQ(table->DeleteOlder(*session_, "when", Time(), Time(), {}).code(), Code::kInvalid);
}

TEST_F(LakeTest, WhatWasRemovedAtTheCutoffGoes) {
  ASSERT_TRUE(Write("s.t", "SELECT TIMESTAMPTZ '2024-01-01 00:00:00+00' AS at").ok());
  // Log entries know milliseconds.
  Time later = std::chrono::ceil<std::chrono::seconds>(SystemClock().Now() + std::chrono::hours(1));
  EXPECT_EQ(*OpenTable("s.t")->DeleteOlder(*session_, "at", later, later, {}), 1);
  EXPECT_EQ(OpenTable("s.t")->Vacuum(Micros(1), false, later)->files, 0) << "a moment too young";
  EXPECT_EQ(OpenTable("s.t")->Vacuum(Micros(0), false, later)->files, 1);
}

TEST_F(LakeTest, CompactsSmallFilesOfAPartition) {
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(Write("s.t",
                      "SELECT " + std::to_string(i) + " AS id, " + std::to_string(i % 2) + " AS p",
                      {.partition_by = {"p"}})
                    .ok());
  }
  Lines before = Rows("s.t");
  auto compact = [&](const CompactOptions& options) {
    return OpenTable("s.t")->Compact(*session_, options, SystemClock().Now(), {});
  };
  EXPECT_EQ(*compact({.target_size = 1 << 20}), 6);
  EXPECT_EQ(OpenTable("s.t")->Load()->files.size(), 2u);
  EXPECT_EQ(Rows("s.t"), before);
  EXPECT_EQ(*compact({.target_size = 1 << 20}), 6) << "nothing is left to do";
  EXPECT_EQ(compact({.target_size = 0}).code(), Code::kInvalid);
}

TEST_F(LakeTest, CompactsMoreFilesThanCanBeOpenAtOnce) {
  for (int i = 0; i < 11; ++i)
    ASSERT_TRUE(Write("s.t", "SELECT " + std::to_string(i) + " AS id").ok());
  Lines before = Rows("s.t");
  CompactOptions options{.most_files = 3};
  EXPECT_EQ(*OpenTable("s.t")->Compact(*session_, options, SystemClock().Now(), {}), 13)
      << "four of three, then two, then one";
  EXPECT_EQ(OpenTable("s.t")->Load()->files.size(), 1u);
  EXPECT_EQ(Rows("s.t"), before);
}

TEST_F(LakeTest, InStepsALargeFileIsNotRewrittenForAFewSmallOnes) {
  const std::string large = "SELECT i, md5(i::VARCHAR) AS h FROM range(100000) AS r(i)";
  ASSERT_TRUE(Write("s.t", large).ok());
  std::string path = OpenTable("s.t")->Load()->files.at(0).path;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Write("s.t", "SELECT 1::BIGINT AS i, 'x' AS h").ok());
  auto compact = [&](bool in_steps) {
    CompactOptions options{.in_steps = in_steps};
    EXPECT_TRUE(OpenTable("s.t")->Compact(*session_, options, SystemClock().Now(), {}).ok());
    std::vector<DataFile> files = OpenTable("s.t")->Load()->files;
    bool kept = std::ranges::any_of(files, [&](const DataFile& file) { return file.path == path; });
    return std::make_pair(files.size(), kept);
  };
  EXPECT_EQ(compact(/*in_steps=*/true), std::make_pair(size_t{2}, true));
  ASSERT_TRUE(Write("s.t", large).ok());
  EXPECT_EQ(compact(/*in_steps=*/true), std::make_pair(size_t{2}, false)) << "two of one size";
  EXPECT_EQ(compact(/*in_steps=*/false), std::make_pair(size_t{1}, false));
  EXPECT_EQ(OpenTable("s.t")->Load()->rows(), 200'005);
}

TEST_F(LakeTest, TwoMayBeginATableAtOnce) {
  auto one = OpenTable("s.t")->Write({}), two = OpenTable("s.t")->Write({});
  ASSERT_TRUE((*one)->Stage(*session_, {"SELECT 1 AS id"}, {}).ok());
  ASSERT_TRUE((*two)->Stage(*session_, {"SELECT 2 AS id"}, {}).ok());
  Result<int64_t> first = (*one)->Commit({"one", 1}, "", SystemClock().Now(), {});
  Result<int64_t> second = (*two)->Commit({"two", 1}, "", SystemClock().Now(), {});
  ASSERT_TRUE(first.ok() && second.ok()) << second.status().ToString();
  EXPECT_EQ(std::make_pair(*first, *second), std::make_pair(int64_t{0}, int64_t{1}));
  EXPECT_EQ(Rows("s.t"), (std::vector<std::string>{"1", "2"}));
}

TEST_F(LakeTest, ATableMadeAnewIsNoticed) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id").ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"1"}));
  std::filesystem::remove_all(folder_ + "/lake/s/t");
  EXPECT_FALSE(*OpenTable("s.t")->Exists());
  ASSERT_TRUE(Write("s.t", "SELECT 'other' AS name").ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"other"}));
}

TEST_F(LakeTest, AFolderNameIsNoPattern) {
  lake_ = OpenLake(folder_ + "/it's [a] {lake} *?%20", env_, *engine_);
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id, 'x' AS p", {.partition_by = {"p"}}).ok());
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id, 'y' AS p", {.mode = Mode::kMerge, .key = {"id"}}).ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"1|y"}));
  EXPECT_EQ(FilesOnDisk("s.t").size(), 2u);
}

TEST_F(LakeTest, FilesMayLieElsewhere) {
  ASSERT_TRUE(Write("s.t", "SELECT 1 AS id").ok());
  std::string file = OpenTable("s.t")->Uri() + "/" + OpenTable("s.t")->Load()->files[0].path;
  Storage& storage = lake_->storage();
  std::string entry = *storage.Read("s/t/_delta_log/00000000000000000000.json");
  size_t at = entry.find("\"path\":\"");
  ASSERT_NE(at, entry.npos);
  entry.insert(at + 8, "file://" + OpenTable("s.t")->Uri() + "/");
  ASSERT_TRUE(storage.Put("s/clone/_delta_log/00000000000000000000.json", entry).ok());
  EXPECT_EQ(OpenTable("s.clone")->Load()->files[0].path, file);
  EXPECT_EQ(Rows("s.clone"), (Lines{"1"}));
  ASSERT_TRUE(
      Write("s.clone", "SELECT 1 AS id, 'x' AS y", {.mode = Mode::kMerge, .key = {"id"}}).ok());
  EXPECT_EQ(Rows("s.clone"), (Lines{"1|x"}));
  Time later = SystemClock().Now() + std::chrono::hours(1);
  ASSERT_TRUE(OpenTable("s.clone")->Vacuum(Micros(0), false, later).ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"1"})) << "another table's files are not ours to remove";
  ASSERT_TRUE(storage.Put("s/t/_delta_log/00000000000000000000.json", entry).ok());
  ASSERT_TRUE(OpenTable("s.t")->Vacuum(Micros(0), false, later).ok());
  EXPECT_EQ(Rows("s.t"), (Lines{"1"})) << "a whole path into the table's own folder";
}

TEST_F(LakeTest, ListsItsTables) {
  ASSERT_TRUE(Write("s.b", "SELECT 1 AS id").ok());
  ASSERT_TRUE(Write("g.a", "SELECT 1 AS id").ok());
  std::filesystem::create_directories(folder_ + "/lake/s/half/_delta_log");
  std::filesystem::create_directories(folder_ + "/lake/landing/flights");
  std::vector<std::string> names;
  for (const TableName& name : *lake_->Tables()) names.push_back(name.ToString());
  EXPECT_EQ(names, (Lines{"g.a", "s.b"}));
  for (const char* bad : {"", "a", "a.", ".b", "a.b.c", "a.b-c", "1.b", "a.b/../c", "a b.c"}) {
    EXPECT_EQ(ParseTableName(bad).code(), Code::kInvalid) << bad;
  }
}
}  // namespace
}  // namespace millrace
