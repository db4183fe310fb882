#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/hash.h"

namespace millrace {
namespace {

class SqliteStore : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = testing::TempDir() + "millrace-sqlite-" + NewUuid();
  const std::string path_ = folder_ + "/state/store.db";
};

CommitRecord Planned(int64_t sequence) {
  CommitRecord commit{.id = {"p/t", sequence}, .run = "r"};
  commit.end["input"] = Position{"e" + std::to_string(sequence)};
  return commit;
}

TEST_F(SqliteStore, IsPrivate) {
  auto store = OpenSqliteStore(path_).value();
  ASSERT_TRUE(store->PlanCommit(Planned(1)).ok());
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/state")) {
    struct stat info;
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0077, 0u) << entry.path();
  }
}

TEST_F(SqliteStore, RefusesWhatItDoesNotKnow) {
  std::filesystem::create_directories(folder_ + "/state");
  std::ofstream(path_)
      << "This is a text, long enough to be looked at as a database header by SQLite, is it not?\n"
      << std::string(2000, 'x');
  EXPECT_EQ(OpenSqliteStore(path_).code(), Code::kInvalid);
  std::filesystem::remove(path_);

  ASSERT_TRUE(OpenSqliteStore(path_).ok());
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  Status status = OpenSqliteStore(path_).status();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_NE(status.message().find("layout 99"), std::string::npos) << status.ToString();
}

TEST_F(SqliteStore, ReadOnlyReadsAndDoesNotWrite) {
  EXPECT_EQ(OpenSqliteStoreReadOnly(path_).code(), Code::kNotFound);
  auto writer = OpenSqliteStore(path_).value();
  ASSERT_TRUE(writer->CreateRun({.id = "r"}, {}).ok());
  auto reader = OpenSqliteStoreReadOnly(path_).value();
  EXPECT_TRUE(reader->GetRun("r").ok());
  EXPECT_EQ(reader->PlanCommit(Planned(1)).code(), Code::kInvalid);
  EXPECT_TRUE(writer->PlanCommit(Planned(1)).ok());
  EXPECT_TRUE(reader->LastCommit("p/t")->has_value());
}

// Killed without a word right after PlanCommit returned.
TEST_F(SqliteStore, APlanOutlivesItsProcess) {
  pid_t child = ::fork();
  if (child == 0) {
    auto store = OpenSqliteStore(path_);
    if (store.ok() && (*store)->PlanCommit(Planned(1)).ok()) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto store = OpenSqliteStore(path_).value();
  ASSERT_TRUE(store->LastCommit("p/t")->has_value());
  EXPECT_FALSE((*store->LastCommit("p/t"))->finished);
}

TEST_F(SqliteStore, ProcessesShareIt) {
  constexpr int kProcesses = 4, kTasks = 50;
  ASSERT_TRUE(OpenSqliteStore(path_).ok());
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    pid_t child = ::fork();
    if (child == 0) {
      auto store = OpenSqliteStore(path_);
      bool ok = store.ok();
      for (int n = 0; ok && n < kTasks; ++n) {
        RunRecord run{.id = std::to_string(i) + "-" + std::to_string(n), .pipeline = "p"};
        ok = (*store)->CreateRun(run, {{.task = "p/t"}}).ok();
      }
      ::_exit(ok ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  auto store = OpenSqliteStore(path_).value();
  EXPECT_EQ(store->Runs("p", 1000)->size(), size_t{kProcesses * kTasks});
}

TEST_F(SqliteStore, TheLockGoesWithItsProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t child = ::fork();
  if (child == 0) {
    auto store = OpenSqliteStore(path_);
    auto lock = (*store)->LockPipeline("p");
    [[maybe_unused]] ssize_t written = ::write(ready[1], lock.ok() ? "y" : "n", 1);
    ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  auto store = OpenSqliteStore(path_).value();
  Status status = store->LockPipeline("p").status();
  EXPECT_NE(status.message().find("process " + std::to_string(child)), std::string::npos)
      << status.ToString();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(store->LockPipeline("p").ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(SqliteStore, AMemberThatDiesIsGone) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t child = ::fork();
  if (child == 0) {
    auto store = OpenSqliteStore(path_);
    auto member = (*store)->JoinPipeline("p");
    auto lead = (*member)->Lead();
    auto task = (*member)->LockTask("p/t");
    bool ok = member.ok() && *lead && *task;
    [[maybe_unused]] ssize_t written = ::write(ready[1], ok ? "y" : "n", 1);
    ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  auto store = OpenSqliteStore(path_).value();
  auto member = store->JoinPipeline("p").value();
  ASSERT_EQ(member->Members()->size(), 2u);
  EXPECT_EQ(member->Members()->front().process, child);
  EXPECT_EQ(*member->Lead(), nullptr);
  EXPECT_EQ(*member->LockTask("p/t"), nullptr);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(member->Members()->size(), 1u);
  EXPECT_EQ(member->Members()->size(), 1u) << "what it left is removed once";
  EXPECT_NE(*member->Lead(), nullptr);
  EXPECT_NE(*member->LockTask("p/t"), nullptr);
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace millrace
