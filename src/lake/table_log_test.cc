#include "lake/table_log.h"

#include <atomic>
#include <thread>

#include "lake/lake_testing.h"
#include "lake/log_file_name.h"

namespace millrace {
namespace {

// Thirteen versions: a checkpoint at 10, and its entries gone, so that only the checkpoint knows
// the first eleven.
class TableLogTest : public LakeTest {
 protected:
  TableLogTest() {
    for (int i = 0; i < 13; ++i) {
      std::string sql =
          "SELECT " + std::to_string(i) + " AS id, 'p" + std::to_string(i % 2) + "' AS p";
      EXPECT_TRUE(Write("s.t", sql, {.partition_by = {"p"}}).ok());
    }
    before_ = Rows("s.t");
    for (int i = 0; i <= 10; ++i) EXPECT_TRUE(storage_->Remove(kLog + EntryName(i)).ok());
  }

  // Another process would see it so: without what this one keeps in memory.
  Lines RowsAnew() {
    lake_ = OpenLake(folder_ + "/lake", env_, *engine_);
    return Rows("s.t");
  }

  void WriteParquet(const std::string& name, const std::string& sql) {
    Result<int64_t> written =
        session_->WriteFile({sql}, storage_->Uri(kLog + name), "parquet", {}, {});
    ASSERT_TRUE(written.ok()) << written.status().ToString();
  }
  std::string Classic() {
    return "read_parquet('" + storage_->Uri(kLog + CheckpointName(10)) + "')";
  }

  const std::string kLog = "s/t/_delta_log/";
  std::unique_ptr<Storage> storage_ = OpenLocalStorage(folder_ + "/lake");
  Lines before_;
};

// Its own time keeps it from a vacuum as long as a tombstone would.
TEST(TableStateTest, AFileRemovedSoonLeavesNoTombstone) {
  constexpr int64_t kMinute = 60'000;
  TableState state;
  ASSERT_TRUE(state.Apply({.adds = {{.path = "a", .modified = 0}, {.path = "b", .modified = 0}}})
                  .ok());
  ASSERT_TRUE(state.Apply({.removes = {{.path = "a", .deleted = kMinute},
                                       {.path = "b", .deleted = 90 * kMinute},
                                       {.path = "unknown", .deleted = kMinute}}})
                  .ok());
  EXPECT_EQ(state.files.size(), 0u);
  EXPECT_FALSE(state.tombstones.contains("a"));
  EXPECT_TRUE(state.tombstones.contains("b"));
  EXPECT_TRUE(state.tombstones.contains("unknown"));
}

TEST_F(TableLogTest, ReadsAClassicCheckpoint) {
  EXPECT_EQ(RowsAnew(), before_);
  EXPECT_EQ(Rows("s.t", {.version = 10}).size(), 11u);
  EXPECT_EQ(Rows("s.t", {.version = 9}),
            (Lines{"the log of s.t lacks version 0 (restore the missing file "
                   "s/t/_delta_log/00000000000000000000.json)"}));
}

TEST_F(TableLogTest, ReadsACheckpointInParts) {
  std::string part =
      "SELECT * EXCLUDE n FROM (SELECT *, row_number() OVER () AS n FROM " + Classic() + ") WHERE ";
  WriteParquet("00000000000000000010.checkpoint.0000000001.0000000002.parquet", part + "n % 2 = 0");
  WriteParquet("00000000000000000010.checkpoint.0000000002.0000000002.parquet", part + "n % 2 = 1");
  ASSERT_TRUE(storage_->Remove(kLog + CheckpointName(10)).ok());
  EXPECT_EQ(RowsAnew(), before_);
  ASSERT_TRUE(
      storage_->Remove(kLog + "00000000000000000010.checkpoint.0000000002.0000000002.parquet")
          .ok());
  EXPECT_NE(RowsAnew()[0].find("lacks version 0"), std::string::npos)
      << "half a checkpoint is none";
}

TEST_F(TableLogTest, ReadsACheckpointWithSidecars) {
  ASSERT_TRUE(storage_->MakeFolder(kLog + "_sidecars").ok());
  WriteParquet("_sidecars/one.parquet",
               "SELECT add, remove FROM " + Classic() + " WHERE add IS NOT NULL");
  WriteParquet("00000000000000000010.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet",
               "SELECT protocol, metaData, txn, NULL::STRUCT(path VARCHAR) AS sidecar FROM " +
                   Classic() +
                   " WHERE add IS NULL UNION ALL SELECT NULL, NULL, NULL, {'path': 'one.parquet'}");
  ASSERT_TRUE(storage_->Remove(kLog + CheckpointName(10)).ok());
  EXPECT_EQ(RowsAnew(), before_);
}

TEST_F(TableLogTest, ReadsACheckpointInJson) {
  ASSERT_TRUE(storage_->MakeFolder(kLog + "_sidecars").ok());
  WriteParquet("_sidecars/one.parquet", "SELECT add FROM " + Classic() + " WHERE add IS NOT NULL");
  auto rows = session_->Collect(
      {"SELECT to_json(COLUMNS(['protocol', 'metaData', 'txn'])) FROM " + Classic()}, {});
  ASSERT_TRUE(rows.ok());
  std::string text =
      "{\"checkpointMetadata\":{\"version\":10}}\n{\"sidecar\":{\"path\":\"one.parquet\"}}\n";
  const char* const kinds[] = {"protocol", "metaData", "txn"};
  for (const auto& row : *rows) {
    for (size_t i = 0; i < 3; ++i) {
      if (row[i]) text += std::string("{\"") + kinds[i] + "\":" + *row[i] + "}\n";
    }
  }
  ASSERT_TRUE(storage_->Put(kLog + "00000000000000000010.checkpoint.abc.json", text).ok());
  ASSERT_TRUE(storage_->Remove(kLog + CheckpointName(10)).ok());
  EXPECT_EQ(RowsAnew(), before_);
}

TEST_F(TableLogTest, ABrokenCheckpointIsPassedOver) {
  ASSERT_TRUE(storage_->Put(kLog + CheckpointName(12), "not parquet").ok());
  EXPECT_EQ(RowsAnew(), before_);
  ASSERT_TRUE(storage_->Put(kLog + CheckpointName(10), "not parquet either").ok());
  EXPECT_FALSE(RowsAnew() == before_);
  EXPECT_TRUE(Write("s.t", "SELECT 1 AS id, 'p0' AS p").code() == Code::kInvalid)
      << "nothing is written onto it";
}

TEST_F(TableLogTest, ABrokenEntryIsTold) {
  ASSERT_TRUE(storage_->Put(kLog + EntryName(12), "{\"add\":{}}").ok());
  EXPECT_EQ(RowsAnew(), (Lines{"log entry 12 of s.t: line 1: an 'add' action has no path"}));
}

TEST_F(TableLogTest, NoticesWhatOthersCommit) {
  EXPECT_EQ(Rows("s.t"), before_);
  auto other = OpenLake(folder_ + "/lake", env_, *engine_);
  auto write = *other->Open({"s", "t"})->Write({});
  ASSERT_TRUE(write->Stage(*session_, {"SELECT 99 AS id, 'x' AS p"}, {}).ok());
  ASSERT_TRUE(write->Commit({"other", 1}, "", SystemClock().Now(), {}).ok());
  EXPECT_EQ(Rows("s.t").size(), before_.size() + 1);
}

// Writers of one table: each has its own lake (nothing in common but the files), session and commit
// ids.
class CrowdTest : public LakeTest {
 protected:
  void Write(int writer, int commits, const WriteOptions& options, const std::string& sql) {
    auto lake = OpenLake(folder_ + "/lake", env_, *engine_);
    auto session = *engine_->Open("writer");
    for (int i = 1; i <= commits; ++i) {
      auto write = *lake->Open({"s", "t"})->Write(options);
      std::string rows = "SELECT " + std::to_string(writer * 100 + i) + " AS id, " + sql;
      Result<WriteResult> staged = write->Stage(*session, {rows}, {});
      if (!staged.ok()) Fail(staged.status());
      Result<int64_t> version =
          write->Commit({"w" + std::to_string(writer), i}, "", SystemClock().Now(), {});
      if (!version.ok()) Fail(version.status());
    }
  }
  void Fail(const Status& status) { ADD_FAILURE() << status.ToString(); }
};

TEST_F(CrowdTest, AppendersLoseNothing) {
  {
    std::vector<std::jthread> writers;
    for (int w = 0; w < 4; ++w) {
      // Each adds a column of its own in its first commit: the shapes meet, too.
      writers.emplace_back(
          [this, w] { Write(w, 6, {}, std::to_string(w) + " AS c" + std::to_string(w)); });
    }
  }
  Snapshot snapshot = *OpenTable("s.t")->Load();
  EXPECT_EQ(snapshot.version, 23);
  EXPECT_EQ(snapshot.rows(), 24);
  EXPECT_EQ(snapshot.schema.columns.size(), 5u);
  EXPECT_EQ(Rows("s.t").size(), 24u);
  EXPECT_EQ(FilesOnDisk("s.t").size(), 24u);
}

TEST_F(CrowdTest, MergersAndAppendersLoseNothing) {
  ASSERT_TRUE(LakeTest::Write("s.t", "SELECT -1 AS id, 0 AS n").ok());
  WriteOptions merge{.mode = Mode::kMerge, .key = {"id"}};
  {
    std::vector<std::jthread> writers;
    for (int w = 0; w < 2; ++w) writers.emplace_back([this, w] { Write(w, 6, {}, "1 AS n"); });
    for (int w = 2; w < 4; ++w) {
      writers.emplace_back(
          [this, w, merge] { Write(w, 6, merge, "2 AS n UNION ALL SELECT -1, 3"); });
    }
  }
  Lines rows = Rows("s.t");
  EXPECT_EQ(rows.size(), 25u);
  EXPECT_EQ(rows.front(), "-1|3");
  EXPECT_EQ(Version("s.t"), 24);
  Snapshot snapshot = *OpenTable("s.t")->Load();
  ASSERT_TRUE(OpenTable("s.t")
                  ->Vacuum(Micros(0), false, SystemClock().Now() + std::chrono::seconds(1))
                  .ok());
  EXPECT_EQ(FilesOnDisk("s.t").size(), snapshot.files.size());
  EXPECT_EQ(Rows("s.t"), rows);
}

}  // namespace
}  // namespace millrace
