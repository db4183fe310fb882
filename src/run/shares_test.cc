#include "run/shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "store/sqlite/sqlite_store.h"

namespace millrace {
namespace {

// A process that shares, as others see it: its locks are its own.
struct Process {
  Process(Store& store, Clock& clock, size_t tasks)
      : membership(store.JoinPipeline("p").value()), shares(*membership, clock, tasks) {}

  // Once over all tasks, as their threads do between batches.
  void Step(size_t tasks) {
    for (size_t i = 0; i < tasks; ++i) {
      const std::string task = "p/t" + std::to_string(i);
      if (!turns.contains(task)) {
        if (auto turn = shares.Take(task).value()) turns[task] = std::move(turn);
      } else if (!shares.Keeps(task)) {
        turns.erase(task);
      }
    }
  }

  std::unique_ptr<Membership> membership;
  Shares shares;
  std::map<std::string, std::unique_ptr<Shares::Turn>> turns;
};

// Moves on by itself, so that each look is one.
class FastClock final : public Clock {
 public:
  Time Now() override { return at_ += Shares::kLook; }
  Status Sleep(Micros, std::stop_token) override { return Status::Ok(); }

 private:
  Time at_{std::chrono::seconds(1'800'000'000)};
};

class SharesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    store_ = OpenSqliteStore(folder_ + "/store.db").value();
  }
  void TearDown() override {
    processes_.clear();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Add() { processes_.push_back(std::make_unique<Process>(*store_, clock_, kTasks)); }
  void Settle() {
    for (int i = 0; i < 3; ++i) {
      for (auto& process : processes_) process->Step(kTasks);
    }
  }
  std::vector<size_t> Counts() const {
    std::vector<size_t> counts;
    for (const auto& process : processes_) counts.push_back(process->turns.size());
    return counts;
  }

  static constexpr size_t kTasks = 6;
  const std::string folder_ = testing::TempDir() + "millrace-shares-" + NewUuid();
  FastClock clock_;
  std::unique_ptr<Store> store_;
  std::vector<std::unique_ptr<Process>> processes_;
};

TEST_F(SharesTest, EachHasAsManyAsTheOthers) {
  Add();
  Settle();
  EXPECT_EQ(Counts(), (std::vector<size_t>{6}));
  Add();
  Settle();
  EXPECT_EQ(Counts(), (std::vector<size_t>{3, 3}));
  Add();
  Add();
  Settle();
  EXPECT_EQ(Counts(), (std::vector<size_t>{2, 2, 1, 1})) << "the oldest have one more";
  for (int i = 0; i < 4; ++i) Add();
  Settle();
  EXPECT_EQ(Counts(), (std::vector<size_t>{1, 1, 1, 1, 1, 1, 0, 0}));
}

TEST_F(SharesTest, OnlyWhatIsTooMuchMoves) {
  Add();
  Add();
  Settle();
  auto of = [&](size_t process) {
    std::set<std::string> tasks;
    for (const auto& [task, turn] : processes_[process]->turns) tasks.insert(task);
    return tasks;
  };
  std::set<std::string> first = of(0), second = of(1);
  Add();
  Settle();
  for (const auto& [before, now] : {std::pair(first, of(0)), std::pair(second, of(1))}) {
    EXPECT_EQ(now.size(), 2u);
    EXPECT_TRUE(std::includes(before.begin(), before.end(), now.begin(), now.end()));
  }
}

TEST_F(SharesTest, WhoLeavesLeavesItsTasks) {
  for (int i = 0; i < 3; ++i) Add();
  Settle();
  ASSERT_TRUE(processes_[0]->membership->Leave().ok());
  Settle();
  EXPECT_EQ(Counts(), (std::vector<size_t>{0, 3, 3}));
  processes_.erase(processes_.begin() + 1);
  Settle();
  EXPECT_EQ(Counts(), (std::vector<size_t>{0, 6}));
}

TEST_F(SharesTest, WaitingEndsWithADrain) {
  Add();
  Settle();
  Add();
  std::stop_source drain;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    drain.request_stop();
  });
  auto began = std::chrono::steady_clock::now();
  auto turn = processes_[1]->shares.Wait("p/t0", drain.get_token());
  ASSERT_TRUE(turn.ok());
  EXPECT_EQ(*turn, nullptr);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
}

TEST_F(SharesTest, WhoeverComesAndGoesEachTaskIsOneProcesss) {
  std::mt19937 dice(7);
  for (int i = 0; i < 60; ++i) {
    if (processes_.empty() || (processes_.size() < 5 && dice() % 2 == 0))
      Add();
    else
      processes_.erase(processes_.begin() + static_cast<ptrdiff_t>(dice() % processes_.size()));
    for (auto& process : processes_) process->Step(kTasks);
    std::map<std::string, int> workers;
    for (auto& process : processes_) {
      for (const auto& [task, turn] : process->turns) ++workers[task];
    }
    for (const auto& [task, count] : workers) EXPECT_EQ(count, 1) << task;
  }
  if (processes_.empty()) Add();
  Settle();
  size_t all = 0;
  for (size_t count : Counts()) all += count;
  EXPECT_EQ(all, kTasks);
}

}  // namespace
}  // namespace millrace
