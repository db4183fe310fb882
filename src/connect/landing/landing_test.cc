#include "connect/landing/landing.h"

#include <sys/stat.h>

#include <thread>

#include "base/hash.h"
#include "connect/landing/config.h"
#include "connect/test_lake.h"

namespace millrace::landing {
namespace {

class LandingTest : public ConnectTest {
 protected:
  // One commit, as run/ makes it.
  Status Land(const std::vector<std::string>& paths, int64_t sequence,
              const std::string& task = "test/task") {
    ConnectContext context = Context(task);
    std::unique_ptr<Sink> sink = TRY(MakeSink({"in"}, context));
    TRY(sink->Open({}, {}, {}));
    std::vector<OfferedFile> files;
    for (const std::string& path : paths) files.push_back({{.path = path}});
    TRY(sink->TakeFiles(files, {}));
    return sink->Commit({{task, sequence}, "position " + std::to_string(sequence), Time()}, {});
  }
  Contents Now() { return *Load(lake_->storage(), "in"); }
  std::string Read(const LandedFile& file) {
    Places places = *FindPlaces(lake_->storage(), "in");
    Result<std::string> path = Locate(lake_->storage(), "in", Now(), places, file);
    return path.ok() ? Get("lake/" + *path) : path.status().ToString();
  }
};

TEST_F(LandingTest, KeepsBytesNameAndTime) {
  std::string path = Put("data/a.csv", "x\n1\n");
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(5));
  ASSERT_TRUE(Land({path}, 1).ok());
  EXPECT_EQ(Get("lake/landing/in/a.csv"), "x\n1\n");
  Contents contents = Now();
  const LandedFile* file = contents.Newest("a.csv");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->sha256, Sha256Hex("x\n1\n"));
  EXPECT_EQ(file->size, 4);
  EXPECT_EQ(file->from, "data/a.csv");
  EXPECT_EQ(file->run, "run-1");
  EXPECT_EQ(file->modified, lake_->storage().Stat("landing/in/a.csv")->modified);
  EXPECT_EQ(Read(*file), "x\n1\n");
}

TEST_F(LandingTest, UnchangedContentIsNotLandedTwice) {
  std::string path = Put("a.csv", "x\n1\n");
  ASSERT_TRUE(Land({path}, 1).ok());
  Put("a.csv", "x\n1\n");  // another time, the same content
  ASSERT_TRUE(Land({path}, 2).ok());
  EXPECT_EQ(Now().files.at("a.csv").size(), 1u);
  std::string kept = Path("lake/landing/in/.versions/" + Sha256Hex("x\n1\n") + "-a.csv");
  EXPECT_TRUE(std::filesystem::equivalent(kept, Path("lake/landing/in/a.csv")))
      << "one content on the disk, with two names";
}

TEST_F(LandingTest, EarlierVersionsAreKeptForReplays) {
  std::string path = Put("a.csv", "one");
  ASSERT_TRUE(Land({path}, 1).ok());
  Put("a.csv", "two!");
  ASSERT_TRUE(Land({path}, 2).ok());
  Put("a.csv", "one");  // back to what it was
  ASSERT_TRUE(Land({path}, 3).ok());
  EXPECT_EQ(Get("lake/landing/in/a.csv"), "one");
  std::vector<LandedFile> versions = Now().files.at("a.csv");
  ASSERT_EQ(versions.size(), 3u);
  EXPECT_EQ(Read(versions[0]), "one");
  EXPECT_EQ(Read(versions[1]), "two!");
  EXPECT_EQ(Read(versions[2]), "one");
  Contents then = *Load(lake_->storage(), "in", 1);
  EXPECT_EQ(then.files.at("a.csv").size(), 1u);
}

// As landings were when a content had one name only.
TEST_F(LandingTest, ALandingOfBeforeIsReadAndGoesOn) {
  std::string path = Put("a.csv", "one");
  ASSERT_TRUE(Land({path}, 1).ok());
  std::filesystem::remove_all(Path("lake/landing/in/.versions"));
  EXPECT_EQ(Read(Now().files.at("a.csv")[0]), "one");
  Put("a.csv", "two!");
  ASSERT_TRUE(Land({path}, 2).ok());
  Put("a.csv", "three");
  ASSERT_TRUE(Land({path}, 3).ok());
  std::vector<LandedFile> versions = Now().files.at("a.csv");
  ASSERT_EQ(versions.size(), 3u);
  EXPECT_EQ(Read(versions[0]), "one");
  EXPECT_EQ(Read(versions[1]), "two!");
  EXPECT_EQ(Get("lake/landing/in/a.csv"), "three");
}

TEST_F(LandingTest, WhatAKilledOneBroughtIsUsedOrSwept) {
  std::string used = Put("lake/landing/in/.versions/" + Sha256Hex("one") + "-a.csv", "one");
  std::string swept = Put("lake/landing/in/.versions/" + Sha256Hex("x") + "-b.csv", "x");
  std::string path = Put("a.csv", "one");
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(used));
  auto inode = [](const std::string& file) {
    struct stat info;
    return ::stat(file.c_str(), &info) == 0 ? info.st_ino : 0;
  };
  ino_t before = inode(used);
  ASSERT_TRUE(Land({path}, 1).ok());
  EXPECT_EQ(Get("lake/landing/in/a.csv"), "one");
  EXPECT_FALSE(std::filesystem::exists(swept));
  EXPECT_EQ(inode(used), before) << "it was not brought again";
}

// Each has a manifest of its own, whoever was faster.
TEST_F(LandingTest, ManyMayLandAtOnce) {
  constexpr int kTasks = 8, kCommits = 5;
  std::vector<std::string> failed(kTasks);
  {
    std::vector<std::jthread> threads;
    for (int task = 0; task < kTasks; ++task) {
      threads.emplace_back([&, task] {
        for (int commit = 1; commit <= kCommits; ++commit) {
          std::string name = "t" + std::to_string(task) + "-" + std::to_string(commit % 2);
          std::string path = Put("data/" + name, "commit " + std::to_string(commit));
          Status status = Land({path}, commit, "test/" + std::to_string(task));
          if (!status.ok()) failed[static_cast<size_t>(task)] = status.ToString();
        }
      });
    }
  }
  for (const std::string& each : failed) EXPECT_EQ(each, "");
  Contents contents = Now();
  EXPECT_EQ(contents.version, kTasks * kCommits);
  EXPECT_EQ(contents.files.size(), size_t{2} * kTasks);
  for (const auto& [name, versions] : contents.files) {
    EXPECT_EQ(Sha256Hex(Get("lake/landing/in/" + name)), versions.back().sha256) << name;
    for (const LandedFile& each : versions) EXPECT_EQ(Sha256Hex(Read(each)), each.sha256);
  }
  for (const auto& [task, last] : contents.commits) EXPECT_EQ(last.sequence, kCommits);
}

TEST_F(LandingTest, OneIdCountsOnce) {
  std::string path = Put("a.csv", "one");
  ASSERT_TRUE(Land({path}, 1).ok());
  ASSERT_TRUE(Land({path}, 1).ok());
  EXPECT_EQ(Now().version, 1);
  ConnectContext context = Context();
  std::optional<Committed> last = *(*MakeSink({"in"}, context))->LastCommit("test/task", {});
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->sequence, 1);
  EXPECT_EQ(last->position, "position 1");
  EXPECT_FALSE((*MakeSink({"in"}, context))->LastCommit("test/other", {})->has_value());
}

TEST_F(LandingTest, WithoutCommitNothingStays) {
  std::string path = Put("a.csv", "one");
  {
    ConnectContext context = Context();
    std::unique_ptr<Sink> sink = *MakeSink({"in"}, context);
    ASSERT_TRUE(sink->Open({}, {}, {}).ok());
    ASSERT_TRUE(sink->TakeFiles({{{.path = path}}}, {}).ok());
    EXPECT_EQ(lake_->storage().List("landing/in/.versions")->size(), 1u);
  }
  EXPECT_TRUE(lake_->storage().List("landing/in/.versions")->empty());
  EXPECT_FALSE(Has("lake/landing/in/a.csv"));
}

TEST_F(LandingTest, TwoFilesOfOneNameAreRefused) {
  std::string one = Put("x/a.csv", "one"), other = Put("y/a.csv", "two");
  Status together = Land({one, other}, 1);
  EXPECT_EQ(together.code(), Code::kInvalid);
  ASSERT_TRUE(Land({one}, 1).ok());
  Status later = Land({other}, 2);
  EXPECT_EQ(later.code(), Code::kInvalid);
  EXPECT_NE(later.message().find("y/a.csv and x/a.csv"), std::string::npos) << later.message();
  EXPECT_EQ(Get("lake/landing/in/a.csv"), "one");
}

TEST_F(LandingTest, AFileChangedByHandIsNotReadAsIfItWereTheOther) {
  ASSERT_TRUE(Land({Put("a.csv", "one")}, 1).ok());
  Put("lake/landing/in/a.csv", "uno");
  Contents contents = Now();
  Places places = *FindPlaces(lake_->storage(), "in");
  Result<std::string> path =
      Locate(lake_->storage(), "in", contents, places, *contents.Newest("a.csv"));
  EXPECT_EQ(path.code(), Code::kInvalid);
  EXPECT_NE(path.status().message().find("changed by somebody else"), std::string::npos);
}

TEST_F(LandingTest, TwoTasksCountForThemselves) {
  ASSERT_TRUE(Land({Put("a.csv", "one")}, 1, "test/one").ok());
  ASSERT_TRUE(Land({Put("b.csv", "two")}, 1, "test/two").ok());
  EXPECT_EQ(Now().version, 2);
  EXPECT_EQ(Now().files.size(), 2u);
  EXPECT_EQ(Now().commits.size(), 2u);
}

TEST_F(LandingTest, AMissingFileIsNamed) {
  Status status = Land({Path("none.csv")}, 1);
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.message().find("none.csv"), std::string::npos);
}

TEST_F(LandingTest, ARetentionRemovesContentAndKeepsTheRecord) {
  auto remove = [&](Time before) {
    return *RemoveOlder(lake_->storage(), "in", before, SystemClock().Now(), {});
  };
  ASSERT_TRUE(Land({Put("a.csv", "one"), Put("b.csv", "same")}, 1).ok());  // at Time()
  EXPECT_EQ(remove(Time()), 0);
  EXPECT_EQ(Now().version, 1) << "nothing to do is no commit";
  Time later = Time() + std::chrono::hours(1);
  EXPECT_EQ(remove(later), 2);
  EXPECT_EQ(remove(later), 0);
  EXPECT_FALSE(std::filesystem::exists(Path("lake/landing/in/a.csv")));
  EXPECT_TRUE(std::filesystem::is_empty(Path("lake/landing/in/.versions")));
  const LandedFile gone = *Now().Newest("a.csv");
  EXPECT_TRUE(gone.removed);
  EXPECT_EQ(gone.sha256, Sha256Hex("one"));
  EXPECT_NE(Read(gone).find("lake.retention.landing"), std::string::npos) << Read(gone);
  // What landed once does not land again; another content does.
  ASSERT_TRUE(Land({Put("a.csv", "one"), Put("b.csv", "other")}, 2).ok());
  EXPECT_EQ(Now().files.at("a.csv").size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(Path("lake/landing/in/a.csv")));
  EXPECT_EQ(Get("lake/landing/in/b.csv"), "other");
}

TEST_F(LandingTest, ARetentionThatWasKilledIsSeenThrough) {
  ASSERT_TRUE(Land({Put("a.csv", "one")}, 1).ok());
  Time later = Time() + std::chrono::hours(1);
  std::string kept = Path("lake/landing/in/.versions/" + Sha256Hex("one") + "-a.csv");
  std::filesystem::copy_file(kept, Path("copy"));
  ASSERT_EQ(*RemoveOlder(lake_->storage(), "in", later, later, {}), 1);
  std::filesystem::copy_file(Path("copy"), kept);  // as if it had been killed behind the record
  EXPECT_EQ(*RemoveOlder(lake_->storage(), "in", later, later, {}), 0);
  EXPECT_FALSE(std::filesystem::exists(kept));
}

}  // namespace
}  // namespace millrace::landing
