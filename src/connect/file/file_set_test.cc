#include "connect/file/file_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace millrace::file {
namespace {

class FilePositionsTest : public ::testing::Test {
 protected:
  FilePositionsTest()
      : folder_(std::string(::testing::TempDir()) + "/positions"), lake_(Fresh(folder_)) {}

  static std::unique_ptr<Storage> Fresh(const std::string& folder) {
    std::filesystem::remove_all(folder);
    return OpenLocalStorage(folder);
  }
  FilePositions Open(bool planning = false) {
    return {*lake_, "a source", SystemClock(), planning};
  }
  static FileSet Some(int count) {
    FileSet files;
    for (int i = 0; i < count; ++i) {
      std::string hash = std::to_string(i);
      files["d/" + std::to_string(i) + ".csv"] = {i, std::string(64 - hash.size(), 'a') + hash};
    }
    return files;
  }
  size_t Lists() { return lake_->List(".positions")->size(); }

  const std::string folder_;
  std::unique_ptr<Storage> lake_;
};

TEST_F(FilePositionsTest, PathsOfAnyBytesComeThrough) {
  FileSet files = {{"d/a b\\c\n.csv", {3, std::string(64, 'a')}},
                   {"list x", {3, std::string(64, 'a')}},
                   {"d/\xff.csv", {0, std::string(64, 'b')}}};
  Result<FileSet> back = Open().Parse(*Open().Print(files, {}));
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(*back, files);
  for (const char* bad : {"12 x", "list 12 3", "list", "list ", "lis"}) {
    EXPECT_EQ(Open().Parse({bad}).code(), Code::kInvalid) << bad;
  }
}

TEST_F(FilePositionsTest, FilesThatComeOneByOneKeepItSmall) {
  FileSet all = Some(10'000), files;
  std::optional<Position> position;
  FilePositions positions = Open();
  size_t longest = 0, i = 0;
  for (const auto& [path, file] : all) {
    files[path] = file;
    if (++i % 40 != 0) continue;
    position = *positions.Print(files, position);
    longest = std::max(longest, position->token.size());
  }
  EXPECT_LT(longest, 30'000u) << "a line a file would be 800 kB";
  EXPECT_EQ(*Open().Parse(*position), all) << "by another process";
  int64_t written = 0;
  for (const FileInfo& file : *lake_->List(".positions")) written += file.size;
  EXPECT_LT(written, 10'000 * 80 * 12) << "each file was written a few times";
}

TEST_F(FilePositionsTest, NothingNewIsTheSamePosition) {
  FileSet files = Some(1000);
  Position first = *Open().Print(files, {});
  EXPECT_EQ(*Open().Print(files, {}), first);
  EXPECT_EQ(*Open().Print(files, first), first);
  files["d/7.csv"].size = 70;
  Position second = *Open().Print(files, first);
  EXPECT_NE(second, first);
  EXPECT_EQ(*Open().Parse(second), files) << "the newer content counts";
  EXPECT_EQ(*Open().Print(files, second), second);
}

TEST_F(FilePositionsTest, AListThatIsGoneOrDamagedIsTold) {
  Position position = *Open().Print(Some(1000), {});
  ASSERT_EQ(Lists(), 1u);
  std::string path = lake_->List(".positions")->front().path;
  ASSERT_TRUE(lake_->Put(path, "damaged").ok());
  Status damaged = Open().Parse(position).status();
  EXPECT_EQ(damaged.code(), Code::kInvalid);
  EXPECT_NE(damaged.message().find(path), std::string::npos) << damaged.ToString();
  ASSERT_TRUE(lake_->Remove(path).ok());
  EXPECT_EQ(Open().Parse(position).code(), Code::kInvalid);
}

TEST_F(FilePositionsTest, PlanningWritesNothing) {
  FilePositions plan = Open(/*planning=*/true);
  Position position = *plan.Print(Some(1000), {});
  EXPECT_EQ(Lists(), 0u);
  EXPECT_EQ(position, *Open().Print(Some(1000), {})) << "it is what the run will say";
}

TEST_F(FilePositionsTest, ListsNobodyNeedsAreSweptWhenTheyAreOld) {
  Position first = *Open().Print(Some(300), {});
  std::string old = lake_->List(".positions")->front().path;
  Position second = *Open().Print(Some(900), first);
  EXPECT_EQ(Lists(), 2u) << "it is young";
  std::filesystem::last_write_time(
      folder_ + "/" + old,
      std::filesystem::file_time_type::clock::now() - std::chrono::days(8));
  Position third = *Open().Print(Some(30'000), second);
  EXPECT_EQ(Lists(), 2u) << "the first one is gone";
  EXPECT_EQ(*Open().Parse(third), Some(30'000));
}

}  // namespace
}  // namespace millrace::file
