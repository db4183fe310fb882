// What every Storage must do: one line of INSTANTIATE_TEST_SUITE_P for each kind of it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/storage.h"

namespace millrace {

// A storage with nothing in it, and what it stands on.
struct StorageWorld {
  virtual ~StorageWorld() = default;
  std::unique_ptr<Storage> storage;
};

struct StorageKind {
  std::string name;
  std::function<std::unique_ptr<StorageWorld>()> make;
};

inline std::string NameOf(const testing::TestParamInfo<StorageKind>& kind) {
  return kind.param.name;
}

class StorageTest : public testing::TestWithParam<StorageKind> {
 protected:
  ~StorageTest() override { std::filesystem::remove_all(local_); }

  std::string LocalFile(const std::string& name, const std::string& bytes) {
    std::filesystem::create_directories(local_);
    std::ofstream(local_ + "/" + name, std::ios::binary) << bytes;
    return local_ + "/" + name;
  }

  const std::string local_ = testing::TempDir() + "storage_" + NewUuid();
  std::unique_ptr<StorageWorld> world_ = GetParam().make();
  Storage* const storage_ = world_->storage.get();
};

TEST_P(StorageTest, ReadsWhatWasPut) {
  ASSERT_TRUE(storage_->Put("a/b/c.txt", "one").ok());
  ASSERT_TRUE(storage_->Put("a/b/c.txt", "two").ok());
  EXPECT_EQ(*storage_->Read("a/b/c.txt"), "two");
  EXPECT_EQ(storage_->Stat("a/b/c.txt")->size, 3);
  EXPECT_EQ(storage_->Read("a/none").code(), Code::kNotFound);
  EXPECT_EQ(storage_->Stat("a/b").code(), Code::kNotFound);
  EXPECT_EQ(storage_->Read("a/b/c.txt", 2).code(), Code::kExhausted);
  EXPECT_FALSE(storage_->Read("a/b").ok());
}

TEST_P(StorageTest, RefusesPathsThatLeadOut) {
  for (const char* path : {"../secret", "a/../../secret", "/etc/passwd"}) {
    EXPECT_EQ(storage_->Read(path).code(), Code::kInvalid) << path;
    EXPECT_EQ(storage_->Put(path, "y").code(), Code::kInvalid) << path;
  }
  EXPECT_TRUE(storage_->Put("a..b/..c", "fine").ok());
}

TEST_P(StorageTest, OneOfManyCreates) {
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

TEST_P(StorageTest, KeepsEveryNameAndByte) {
  std::string bytes("\0\r\n\xff<&>", 7);
  for (const char* path : {"a b/ü %2F+&=#?.txt", "p=1%3A2/x", "名/前", "~.-_!*'()"}) {
    ASSERT_TRUE(storage_->Put(path, bytes).ok()) << path;
    EXPECT_EQ(*storage_->Read(path), bytes) << path;
  }
  ASSERT_TRUE(storage_->Put("empty", "").ok());
  EXPECT_EQ(*storage_->Read("empty"), "");
  EXPECT_EQ(storage_->Stat("empty")->size, 0);
  EXPECT_EQ((*storage_->List("a b"))[0].path, "a b/ü %2F+&=#?.txt");
  EXPECT_EQ(*storage_->Folders(""), (std::vector<std::string>{"a b", "p=1%3A2", "名"}));
}

TEST_P(StorageTest, ListsFilesBelow) {
  EXPECT_TRUE(storage_->List("nowhere")->empty());
  for (const char* path : {"t/b=2/y", "t/a", "t/b=1/x", "u/z"})
    ASSERT_TRUE(storage_->Put(path, "1").ok());
  std::vector<std::string> paths;
  for (const FileInfo& file : *storage_->List("t")) paths.push_back(file.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"t/a", "t/b=1/x", "t/b=2/y"}));
  EXPECT_EQ(*storage_->Folders(""), (std::vector<std::string>{"t", "u"}));
  EXPECT_EQ(*storage_->Folders("t"), (std::vector<std::string>{"b=1", "b=2"}));
}

TEST_P(StorageTest, RemovesAndRenames) {
  ASSERT_TRUE(storage_->Put("t/x/1", "1").ok());
  ASSERT_TRUE(storage_->Rename("t/x/1", "t/y/2").ok());
  EXPECT_EQ(storage_->Stat("t/x/1").code(), Code::kNotFound);
  EXPECT_EQ(storage_->Rename("t/x/1", "t/z").code(), Code::kNotFound);
  EXPECT_EQ(*storage_->Read("t/y/2"), "1");
  EXPECT_TRUE(storage_->RemoveEmptyFolders("t").ok());
  EXPECT_EQ(*storage_->Folders("t"), std::vector<std::string>{"y"});
  EXPECT_TRUE(storage_->Remove("t/y/2").ok());
  EXPECT_TRUE(storage_->Remove("t/y/2").ok()) << "absent is removed";
  EXPECT_TRUE(storage_->RemoveEmptyFolders("t").ok());
  EXPECT_TRUE(storage_->Folders("")->empty());
}

TEST_P(StorageTest, MovesFiles) {
  std::string bytes(100'000, 'x'), sha256 = Sha256Hex(bytes);
  std::string local = LocalFile("up", bytes), back = local + ".back";
  ASSERT_TRUE(storage_->PutFile("f/a b.bin", local, sha256, {}).ok());
  Status other = storage_->PutFile("f/a b.bin", local, Sha256Hex("y"), {});
  EXPECT_EQ(other.code(), Code::kUnavailable) << other.ToString();
  EXPECT_EQ(storage_->PutFile("f/2", local + ".none", sha256, {}).code(), Code::kNotFound);
  EXPECT_EQ(storage_->List("f")->size(), 1u) << "nothing is left aside";
  EXPECT_EQ(*storage_->Read("f/a b.bin"), bytes);
  FileInfo info = *storage_->Stat("f/a b.bin");
  EXPECT_TRUE(info.sha256 == sha256 || info.etag.empty());

  ASSERT_TRUE(storage_->GetFile("f/a b.bin", back, sha256, {}).ok());
  EXPECT_EQ(std::filesystem::file_size(back), bytes.size());
  std::filesystem::remove(back);
  EXPECT_EQ(storage_->GetFile("f/a b.bin", back, Sha256Hex("y"), {}).code(), Code::kUnavailable);
  EXPECT_EQ(storage_->GetFile("f/none", back, sha256, {}).code(), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(back));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(storage_->PutFile("f/3", local, sha256, stop.get_token()).code(), Code::kCanceled);
  EXPECT_EQ(storage_->Stat("f/3").code(), Code::kNotFound);
}

TEST_P(StorageTest, CopiesByItself) {
  std::string local = LocalFile("up", "one");
  ASSERT_TRUE(storage_->PutFile("a", local, Sha256Hex("one"), {}).ok());
  ASSERT_TRUE(storage_->Put("t/b", "two").ok());
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(storage_->Copy("a", "t/b", {}).ok());
    EXPECT_EQ(*storage_->Read("t/b"), "one");
    EXPECT_EQ(storage_->List("")->size(), 2u) << "nothing is left aside";
  }
  FileInfo one = *storage_->Stat("a"), other = *storage_->Stat("t/b");
  EXPECT_EQ(one.sha256, other.sha256);
  EXPECT_EQ(one.etag, other.etag);
  EXPECT_TRUE(one.modified == other.modified || !one.etag.empty()) << "its time is kept";
  ASSERT_TRUE(storage_->Put("a", "three").ok());
  EXPECT_EQ(*storage_->Read("t/b"), "one") << "a put replaces, it does not change";
  EXPECT_EQ(storage_->Copy("none", "t/c", {}).code(), Code::kNotFound);
  ServerFile elsewhere{.server = "http://other:1", .bucket = "b", .key = "k"};
  EXPECT_FALSE(*storage_->CopyFrom(elsewhere, "t/d", {}));
}

TEST_P(StorageTest, LocksAreSharedOrAlone) {
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

}  // namespace millrace
