#include "base/storage_mounts.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace millrace {
namespace {

using Names = std::vector<std::string>;

class MountedStorageTest : public testing::Test {
 protected:
  MountedStorageTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mounts_test.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::map<std::string, std::unique_ptr<Storage>> mounts;
    mounts["bronze"] = OpenLocalStorage(folder_ + "/b");
    mounts["gold"] = OpenLocalStorage(folder_ + "/g");
    storage_ = MountStorages(OpenLocalStorage(folder_ + "/rest"), std::move(mounts));
  }
  ~MountedStorageTest() override { std::filesystem::remove_all(folder_); }

  Names Paths(std::string_view folder) {
    Names paths;
    for (const FileInfo& file : *storage_->List(folder)) paths.push_back(file.path);
    return paths;
  }

  std::string folder_;
  std::unique_ptr<Storage> storage_;
};

TEST_F(MountedStorageTest, TheFirstPartOfAPathSaysWhere) {
  for (const char* path : {"bronze/t/1", "silver/t/1", "bronzes/t/1"})
    ASSERT_TRUE(storage_->Put(path, path).ok());
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/b/t/1"));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/rest/silver/t/1"));
  EXPECT_EQ(storage_->Uri("bronze/t"), folder_ + "/b/t");
  EXPECT_EQ(storage_->Uri("bronze"), folder_ + "/b");
  EXPECT_EQ(*storage_->Read("bronze/t/1"), "bronze/t/1");
  EXPECT_EQ(storage_->Stat("bronze/t/1")->path, "bronze/t/1");
  EXPECT_EQ(storage_->PutIfAbsent("bronze/t/1", "").code(), Code::kConflict);
  EXPECT_EQ(Paths("bronze"), Names{"bronze/t/1"});
  EXPECT_EQ(Paths(""), (Names{"bronze/t/1", "bronzes/t/1", "silver/t/1"}));
  EXPECT_EQ(*storage_->Folders(""), (Names{"bronze", "bronzes", "silver"}));  // gold is empty
  EXPECT_EQ(*storage_->Folders("bronze"), Names{"t"});
  ASSERT_TRUE(storage_->Sync({"bronze/t/1", "silver/t/1"}).ok());
}

TEST_F(MountedStorageTest, RenamesWithinOneStorage) {
  ASSERT_TRUE(storage_->Put("gold/a", "x").ok());
  ASSERT_TRUE(storage_->Rename("gold/a", "gold/b").ok());
  EXPECT_EQ(Paths("gold"), Names{"gold/b"});
  EXPECT_EQ(storage_->Rename("gold/b", "bronze/b").code(), Code::kInvalid);
  ASSERT_TRUE(storage_->Remove("gold/b").ok());
  EXPECT_EQ(Paths(""), Names{});
}

}  // namespace
}  // namespace millrace
