#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/storage.h"

namespace millrace {
namespace {

class LocalStorageTest : public testing::Test {
 protected:
  LocalStorageTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "storage_test.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    storage_ = OpenLocalStorage(folder_ + "/root");
  }
  ~LocalStorageTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::unique_ptr<Storage> storage_;
};

TEST_F(LocalStorageTest, ReadsWhatWasPut) {
  ASSERT_TRUE(storage_->Put("a/b/c.txt", "one").ok());
  ASSERT_TRUE(storage_->Put("a/b/c.txt", "two").ok());
  EXPECT_EQ(*storage_->Read("a/b/c.txt"), "two");
  EXPECT_EQ(storage_->Stat("a/b/c.txt")->size, 3);
  EXPECT_EQ(storage_->Read("a/none").code(), Code::kNotFound);
  EXPECT_EQ(storage_->Stat("a/b").code(), Code::kNotFound);
  EXPECT_EQ(storage_->Read("a/b/c.txt", 2).code(), Code::kExhausted);
  EXPECT_FALSE(storage_->Read("a/b").ok());
}

TEST_F(LocalStorageTest, RefusesPathsThatLeadOut) {
  std::ofstream(folder_ + "/secret") << "x";
  for (const char* path : {"../secret", "a/../../secret", "/etc/passwd"}) {
    EXPECT_EQ(storage_->Read(path).code(), Code::kInvalid) << path;
    EXPECT_EQ(storage_->Put(path, "y").code(), Code::kInvalid) << path;
  }
  EXPECT_TRUE(storage_->Put("a..b/..c", "fine").ok());
}

TEST_F(LocalStorageTest, OneOfManyCreates) {
  std::atomic<int> won = 0, lost = 0;
  {
    std::vector<std::jthread> racers;
    for (int i = 0; i < 12; ++i) {
      racers.emplace_back([&, i] {
        Status status =
            storage_->PutIfAbsent("log/0.json", std::string(1000, static_cast<char>('a' + i)));
        if (status.ok()) ++won;
        if (status.code() == Code::kConflict) ++lost;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 11);
  EXPECT_EQ(storage_->List("log")->size(), 1u) << "nothing is left aside";
  EXPECT_EQ(storage_->Read("log/0.json")->size(), 1000u);
}

TEST_F(LocalStorageTest, ListsFilesBelow) {
  EXPECT_TRUE(storage_->List("nowhere")->empty());
  for (const char* path : {"t/b=2/y", "t/a", "t/b=1/x", "u/z"})
    ASSERT_TRUE(storage_->Put(path, "1").ok());
  std::vector<std::string> paths;
  for (const FileInfo& file : *storage_->List("t")) paths.push_back(file.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"t/a", "t/b=1/x", "t/b=2/y"}));
  EXPECT_EQ(*storage_->Folders(""), (std::vector<std::string>{"t", "u"}));
  EXPECT_EQ(*storage_->Folders("t"), (std::vector<std::string>{"b=1", "b=2"}));
}

TEST_F(LocalStorageTest, RemovesAndRenames) {
  ASSERT_TRUE(storage_->Put("t/x/1", "1").ok());
  ASSERT_TRUE(storage_->Rename("t/x/1", "t/y/2").ok());
  EXPECT_EQ(*storage_->Read("t/y/2"), "1");
  EXPECT_TRUE(storage_->RemoveEmptyFolders("t").ok());
  EXPECT_EQ(*storage_->Folders("t"), std::vector<std::string>{"y"});
  EXPECT_TRUE(storage_->Remove("t/y/2").ok());
  EXPECT_TRUE(storage_->Remove("t/y/2").ok()) << "absent is removed";
  EXPECT_TRUE(storage_->RemoveEmptyFolders("t").ok());
  EXPECT_TRUE(storage_->Folders("")->empty());
}

TEST_F(LocalStorageTest, TellsOfAFolderThatIsAFile) {
  ASSERT_TRUE(storage_->Put("t", "1").ok());
  Status status = storage_->Put("t/x", "1");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(folder_ + "/root/t"), std::string::npos) << status.message();
}

TEST_F(LocalStorageTest, LocksAreSharedOrAlone) {
  auto one = *storage_->TryLock("t/.lock", true);
  auto two = *storage_->TryLock("t/.lock", true);
  EXPECT_TRUE(one && two);
  EXPECT_FALSE(*storage_->TryLock("t/.lock", false));
  one.reset();
  two.reset();
  auto alone = *storage_->TryLock("t/.lock", false);
  EXPECT_TRUE(alone);
  EXPECT_FALSE(*storage_->TryLock("t/.lock", true));
}

TEST_F(LocalStorageTest, SyncsFilesOfOthers) {
  std::filesystem::create_directories(folder_ + "/root/t/p=1");
  std::ofstream(folder_ + "/root/t/p=1/x") << "x";
  EXPECT_TRUE(storage_->Sync({"t/p=1/x"}).ok());
  EXPECT_EQ(storage_->Sync({"t/p=1/none"}).code(), Code::kNotFound);
}

}  // namespace
}  // namespace millrace
