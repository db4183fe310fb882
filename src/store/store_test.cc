// What every store must do. A new store is one line in kStores.
#include "store/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "base/hash.h"
#include "store/sqlite/sqlite_store.h"

namespace millrace {
namespace {

struct StoreKind {
  const char* name;
  // Opens the store that lives in this folder; called again, the same store again.
  std::function<Result<std::unique_ptr<Store>>(const std::string& folder)> open;
};

const StoreKind kStores[] = {
    {"Sqlite",
     [](const std::string& folder) { return OpenSqliteStore(folder + "/state/store.db"); }},
};

Time At(int seconds) { return Time(std::chrono::seconds(1'800'000'000 + seconds)); }

class StoreConformance : public testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "millrace-store-" + NewUuid();
    std::filesystem::create_directories(folder_);
    Reopen();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Reopen() {
    store_.reset();
    auto store = GetParam().open(folder_);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = std::move(store).value();
  }

  static RunRecord Run(const RunId& id, int started = 0) {
    return {.id = id,
            .pipeline = "orders",
            .pipeline_file = "orders.yml",
            .started = At(started),
            .logical_date = At(-86400),
            .interval_start = At(-86400),
            .interval_end = At(0),
            .params = {{"year", "2013"}, {"note", "it's\n\"quoted\""}},
            .full_refresh = true,
            .process = 4711};
  }
  static CommitRecord Commit(int64_t sequence, const std::string& begin, const std::string& end) {
    CommitRecord commit{.id = {"orders/load", sequence}, .run = "r1"};
    if (!begin.empty()) commit.begin["input"] = Position{begin};
    commit.end["input"] = Position{end};
    commit.now = At(5);
    commit.definition = "abc";
    return commit;
  }
  void StartTask() {
    ASSERT_TRUE(store_->CreateRun(Run("r1"), {{.run = "r1", .task = "orders/load"}}).ok());
    ASSERT_TRUE(
        store_->MoveTask("r1", "orders/load", TaskState::kPending, TaskState::kRunning, At(1))
            .ok());
  }

  std::string folder_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreConformance, KeepsARunAcrossReopening) {
  ASSERT_TRUE(
      store_
          ->CreateRun(Run("r1"),
                      {{.run = "r1", .task = "orders/b"},
                       {.run = "r1", .task = "orders/a", .after = {"orders/b", "orders/[x=1]"}}})
          .ok());
  Reopen();
  RunRecord run = *store_->GetRun("r1");
  EXPECT_EQ(run.pipeline, "orders");
  EXPECT_EQ(run.pipeline_file, "orders.yml");
  EXPECT_EQ(run.state, RunState::kRunning);
  EXPECT_EQ(run.logical_date, At(-86400));
  EXPECT_EQ(run.ended, std::nullopt);
  EXPECT_EQ(run.params, Run("r1").params);
  EXPECT_TRUE(run.full_refresh);
  EXPECT_FALSE(run.force);
  EXPECT_EQ(run.process, 4711);

  std::vector<TaskRecord> tasks = *store_->Tasks("r1");
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0].task, "orders/b");
  EXPECT_TRUE(tasks[0].after.empty());
  EXPECT_EQ(tasks[1].after, (std::vector<std::string>{"orders/b", "orders/[x=1]"}));
  EXPECT_EQ(tasks[1].state, TaskState::kPending);
  EXPECT_EQ(store_->GetRun("r2").code(), Code::kNotFound);
}

TEST_P(StoreConformance, CreatesARunWithAllItsTasksOrNotAtAll) {
  EXPECT_FALSE(store_->CreateRun(Run("r1"), {{.task = "orders/a"}, {.task = "orders/a"}}).ok());
  EXPECT_EQ(store_->GetRun("r1").code(), Code::kNotFound);
}

TEST_P(StoreConformance, ListsRunsNewestFirst) {
  for (int i : {1, 2, 3}) ASSERT_TRUE(store_->CreateRun(Run("r" + std::to_string(i), i), {}).ok());
  RunRecord other = Run("x", 9);
  other.pipeline = "other";
  ASSERT_TRUE(store_->CreateRun(other, {}).ok());
  auto ids = [&](std::string_view pipeline, int limit) {
    std::vector<std::string> all;
    std::vector<RunRecord> runs = *store_->Runs(pipeline, limit);
    for (const RunRecord& run : runs) all.push_back(run.id);
    return all;
  };
  EXPECT_EQ(ids("orders", 2), (std::vector<std::string>{"r3", "r2"}));
  EXPECT_EQ(ids("", 10), (std::vector<std::string>{"x", "r3", "r2", "r1"}));
}

TEST_P(StoreConformance, MovesARunOnlyFromTheStateItIsIn) {
  ASSERT_TRUE(store_->CreateRun(Run("r1"), {}).ok());
  ASSERT_TRUE(store_->MoveRun("r1", RunState::kRunning, RunState::kFailed, At(9), "no disk").ok());
  EXPECT_EQ(store_->GetRun("r1")->ended, At(9));
  EXPECT_EQ(store_->GetRun("r1")->error, "no disk");
  EXPECT_EQ(store_->MoveRun("r1", RunState::kRunning, RunState::kSucceeded, At(9), "").code(),
            Code::kConflict);
  EXPECT_EQ(store_->MoveRun("r9", RunState::kRunning, RunState::kSucceeded, At(9), "").code(),
            Code::kNotFound);
  ASSERT_TRUE(store_->MoveRun("r1", RunState::kFailed, RunState::kRunning, At(10), "").ok());
  EXPECT_EQ(store_->GetRun("r1")->ended, std::nullopt);
}

TEST_P(StoreConformance, CountsAttempts) {
  StartTask();
  ASSERT_TRUE(store_
                  ->MoveTask("r1", "orders/load", TaskState::kRunning, TaskState::kFailed, At(2),
                             "boom", "look")
                  .ok());
  EXPECT_EQ(store_->Tasks("r1")->at(0).hint, "look");
  ASSERT_TRUE(
      store_->MoveTask("r1", "orders/load", TaskState::kFailed, TaskState::kRunning, At(3)).ok());
  ASSERT_TRUE(
      store_
          ->MoveTask("r1", "orders/load", TaskState::kRunning, TaskState::kSucceeded, At(4), "fine")
          .ok());
  std::vector<AttemptRecord> attempts = *store_->Attempts("r1", "orders/load");
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].error, "boom");
  EXPECT_EQ(attempts[0].ended, At(2));
  EXPECT_EQ(attempts[1].error, "");
  EXPECT_EQ(attempts[1].started, At(3));
  TaskRecord task = store_->Tasks("r1")->at(0);
  EXPECT_EQ(task.attempt, 2);
  EXPECT_EQ(task.started, At(3));
  EXPECT_EQ(task.ended, At(4));
  EXPECT_EQ(
      store_->MoveTask("r1", "orders/load", TaskState::kRunning, TaskState::kFailed, At(5)).code(),
      Code::kConflict);
  EXPECT_EQ(
      store_->MoveTask("r1", "orders/none", TaskState::kRunning, TaskState::kFailed, At(5)).code(),
      Code::kNotFound);
}

TEST_P(StoreConformance, OneOfManyWinsACompareAndSet) {
  ASSERT_TRUE(store_->CreateRun(Run("r1"), {{.task = "orders/load"}}).ok());
  std::atomic<int> won = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        won +=
            store_->MoveTask("r1", "orders/load", TaskState::kPending, TaskState::kRunning, At(1))
                .ok();
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(store_->Attempts("r1", "orders/load")->size(), 1u);
}

TEST_P(StoreConformance, UpdatesCounts) {
  StartTask();
  ASSERT_TRUE(store_
                  ->UpdateTask({.run = "r1",
                                .task = "orders/load",
                                .rows_in = 5,
                                .rows_out = 4,
                                .rows_rejected = 1,
                                .bytes_in = int64_t{1} << 40,
                                .bytes_out = 7})
                  .ok());
  TaskRecord task = store_->Tasks("r1")->at(0);
  EXPECT_EQ(task.state, TaskState::kRunning);
  EXPECT_EQ(task.rows_in, 5);
  EXPECT_EQ(task.rows_out, 4);
  EXPECT_EQ(task.rows_rejected, 1);
  EXPECT_EQ(task.bytes_in, int64_t{1} << 40);
  EXPECT_EQ(task.bytes_out, 7);
}

TEST_P(StoreConformance, ACommitIsPlannedThenFinished) {
  EXPECT_FALSE(store_->LastCommit("orders/load")->has_value());
  CommitRecord first = Commit(1, "", "p1");
  first.refresh = true;
  first.end["bronze.t"] = Position{"7"};
  ASSERT_TRUE(store_->PlanCommit(first).ok());
  Reopen();
  CommitRecord planned = **store_->LastCommit("orders/load");
  EXPECT_EQ(planned.id, first.id);
  EXPECT_TRUE(planned.begin.empty());
  EXPECT_EQ(planned.end, first.end);
  EXPECT_EQ(planned.now, At(5));
  EXPECT_EQ(planned.definition, "abc");
  EXPECT_EQ(planned.run, "r1");
  EXPECT_TRUE(planned.refresh);
  EXPECT_FALSE(planned.finished);
  ASSERT_TRUE(store_->FinishCommit(first.id, At(6)).ok());
  ASSERT_TRUE(store_->FinishCommit(first.id, At(7)).ok());
  EXPECT_TRUE((*store_->LastCommit("orders/load"))->finished);
  EXPECT_EQ(store_->FinishCommit({"orders/load", 2}, At(7)).code(), Code::kNotFound);
}

TEST_P(StoreConformance, CommitsFollowOneAnother) {
  EXPECT_EQ(store_->PlanCommit(Commit(2, "", "p")).code(), Code::kConflict);
  ASSERT_TRUE(store_->PlanCommit(Commit(1, "", "p1")).ok());
  EXPECT_EQ(store_->PlanCommit(Commit(1, "", "p1")).code(), Code::kConflict);
  EXPECT_EQ(store_->PlanCommit(Commit(2, "p1", "p2")).code(), Code::kConflict)
      << "1 is not finished";
  ASSERT_TRUE(store_->FinishCommit({"orders/load", 1}, At(6)).ok());
  ASSERT_TRUE(store_->PlanCommit(Commit(2, "p1", "p2")).ok());
}

TEST_P(StoreConformance, AnAbandonedCommitLeavesTheOneBefore) {
  ASSERT_TRUE(store_->PlanCommit(Commit(1, "", "p1")).ok());
  ASSERT_TRUE(store_->FinishCommit({"orders/load", 1}, At(6)).ok());
  EXPECT_EQ(store_->AbandonCommit({"orders/load", 1}).code(), Code::kConflict) << "it is finished";
  ASSERT_TRUE(store_->PlanCommit(Commit(2, "p1", "p2")).ok());
  ASSERT_TRUE(store_->AbandonCommit({"orders/load", 2}).ok());
  CommitRecord last = **store_->LastCommit("orders/load");
  EXPECT_EQ(last.id.sequence, 1);
  EXPECT_EQ(last.end["input"].token, "p1");
  EXPECT_TRUE(store_->PlanCommit(Commit(2, "p1", "p3")).ok());
}

TEST_P(StoreConformance, AdoptsACommitThatOnlySinksKnow) {
  ASSERT_TRUE(store_->AdoptCommit(Commit(7, "", "p7")).ok());
  CommitRecord last = **store_->LastCommit("orders/load");
  EXPECT_EQ(last.id.sequence, 7);
  EXPECT_TRUE(last.finished);
  EXPECT_EQ(last.end["input"].token, "p7");
  EXPECT_EQ(store_->AdoptCommit(Commit(7, "", "p7")).code(), Code::kConflict);
  ASSERT_TRUE(store_->PlanCommit(Commit(8, "p7", "p8")).ok());
  EXPECT_EQ(store_->AdoptCommit(Commit(9, "", "p9")).code(), Code::kConflict)
      << "8 is not finished";
}

TEST_P(StoreConformance, KeepsPositionsOfTheNewestCommitOnly) {
  ASSERT_TRUE(store_->PlanCommit(Commit(1, "", "p1")).ok());
  ASSERT_TRUE(store_->FinishCommit({"orders/load", 1}, At(6)).ok());
  ASSERT_TRUE(store_->PlanCommit(Commit(2, "p1", std::string(3'000'000, 'x'))).ok());
  ASSERT_TRUE(store_->FinishCommit({"orders/load", 2}, At(7)).ok());
  std::vector<CommitRecord> commits = *store_->Commits("r1");
  ASSERT_EQ(commits.size(), 2u);
  EXPECT_TRUE(commits[0].end.empty());
  EXPECT_EQ(commits[1].begin["input"].token, "p1");
  EXPECT_EQ(commits[1].end["input"].token.size(), 3'000'000u);
}

TEST_P(StoreConformance, RecordsOnceWhatIsToldTwice) {
  StartTask();
  CheckRecord check{.run = "r1",
                    .task = "orders/load",
                    .check = "not_null(id)",
                    .severity = "error",
                    .on_fail = "fail",
                    .passed = false,
                    .failed_rows = 3,
                    .detail = "id"};
  ASSERT_TRUE(store_->AddCheck(check).ok());
  check.failed_rows = 4;
  ASSERT_TRUE(store_->AddCheck(check).ok());
  std::vector<CheckRecord> checks = *store_->Checks("r1");
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(checks[0].failed_rows, 4);
  EXPECT_FALSE(checks[0].passed);
  EXPECT_EQ(checks[0].on_fail, "fail");

  ASSERT_TRUE(store_->AddMetric({"r1", "orders/load", "read_seconds", 1.5}).ok());
  ASSERT_TRUE(store_->AddMetric({"r1", "orders/load", "read_seconds", 2.5}).ok());
  ASSERT_EQ(store_->Metrics("r1")->size(), 1u);
  EXPECT_EQ(store_->Metrics("r1")->at(0).value, 2.5);

  OutputRecord output{.run = "r1",
                      .task = "orders/load",
                      .sequence = 1,
                      .kind = "root",
                      .cid = "bafy",
                      .size = 4,
                      .files = 2,
                      .target = "archive",
                      .location = "/a",
                      .links = "x\ny"};
  ASSERT_TRUE(store_->AddOutputs({output, output}).ok());
  ASSERT_EQ(store_->Outputs("r1")->size(), 1u);
  EXPECT_EQ(store_->Outputs("r1")->at(0).links, "x\ny");
  output.sequence = 1001;  // the newest thousand
  ASSERT_TRUE(store_->AddOutputs({output}).ok());
  ASSERT_EQ(store_->Outputs("r1")->size(), 1u);
  EXPECT_EQ(store_->Outputs("r1")->at(0).sequence, 1001);

  FileRecord file{.task = "orders/load",
                  .input = "input",
                  .path = "a.csv",
                  .size = 9,
                  .modified = At(-3),
                  .sha256 = "ff",
                  .run = "r1"};
  ASSERT_TRUE(store_->AddFiles({file, file}).ok());
  ASSERT_EQ(store_->Files("orders/load")->size(), 1u);
  EXPECT_EQ(store_->Files("orders/load")->at(0).modified, At(-3));
  EXPECT_TRUE(store_->Files("orders/other")->empty());
}

TEST_P(StoreConformance, LineageIsReplacedByPipeline) {
  ASSERT_TRUE(store_->SetPaused("orders/a", true).ok());
  ASSERT_TRUE(store_->SetPaused("orders/a", true).ok());
  ASSERT_TRUE(store_->SetPaused("orders/b", true).ok());
  ASSERT_TRUE(store_->SetPaused("orders/b", false).ok());
  EXPECT_EQ(*store_->PausedTasks(), std::set<std::string>{"orders/a"});
  ASSERT_TRUE(store_->SetLineage("orders", {{"orders", "orders/a", "bronze.a", true}}).ok());
  ASSERT_TRUE(store_->SetLineage("other", {{"other", "other/z", "bronze.a", false}}).ok());
  ASSERT_TRUE(store_->SetLineage("orders", {{"orders", "orders/b", "bronze.b", true}}).ok());
  std::vector<LineageRecord> all = *store_->Lineage();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].table, "bronze.b");
  EXPECT_TRUE(all[0].written);
  EXPECT_FALSE(all[1].written);
}

TEST_P(StoreConformance, OnePipelineIsRunByOne) {
  auto held = store_->LockPipeline("orders/../x y");
  ASSERT_TRUE(held.ok()) << held.status().ToString();
  auto second = GetParam().open(folder_);
  EXPECT_EQ((*second)->LockPipeline("orders/../x y").code(), Code::kConflict);
  EXPECT_TRUE((*second)->LockPipeline("other").ok());
  held->reset();
  EXPECT_TRUE((*second)->LockPipeline("orders/../x y").ok());
}

TEST_P(StoreConformance, MembersShareAPipeline) {
  auto other = GetParam().open(folder_).value();
  auto first = store_->JoinPipeline("orders").value();
  auto second = other->JoinPipeline("orders").value();
  EXPECT_EQ(store_->LockPipeline("orders").code(), Code::kConflict) << "members run it";
  EXPECT_TRUE(store_->LockPipeline("other").ok());

  auto lead = first->Lead().value();
  ASSERT_NE(lead, nullptr);
  EXPECT_EQ(second->Lead().value(), nullptr);
  lead.reset();
  EXPECT_NE(second->Lead().value(), nullptr);

  auto task = first->LockTask("orders/load[year=2013]").value();
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(second->LockTask("orders/load[year=2013]").value(), nullptr);
  EXPECT_NE(second->LockTask("orders/load[year=2014]").value(), nullptr);
  const std::string longest(3000, '/');
  auto held = first->LockTask(longest).value();
  EXPECT_EQ(second->LockTask(longest).value(), nullptr);
  EXPECT_NE(second->LockTask(longest + "x").value(), nullptr);
  task.reset();
  EXPECT_NE(second->LockTask("orders/load[year=2013]").value(), nullptr);

  first.reset();
  EXPECT_EQ(store_->LockPipeline("orders").code(), Code::kConflict);
  second.reset();
  auto alone = store_->LockPipeline("orders");
  ASSERT_TRUE(alone.ok()) << alone.status().ToString();
  EXPECT_EQ(other->JoinPipeline("orders").code(), Code::kConflict) << "who is alone shares nothing";
}

TEST_P(StoreConformance, MembersKnowEachOther) {
  auto other = GetParam().open(folder_).value();
  auto first = store_->JoinPipeline("orders").value();
  auto second = other->JoinPipeline("orders").value();
  auto third = store_->JoinPipeline("elsewhere").value();
  auto members = second->Members().value();
  ASSERT_EQ(members.size(), 2u);
  EXPECT_FALSE(members[0].is_this);
  EXPECT_TRUE(members[1].is_this);
  EXPECT_GT(members[0].process, 0);
  EXPECT_FALSE(members[0].leaves);
  ASSERT_TRUE(first->Leave().ok());
  EXPECT_TRUE(second->Members().value()[0].leaves);
  first.reset();
  members = second->Members().value();
  ASSERT_EQ(members.size(), 1u);
  EXPECT_TRUE(members[0].is_this);
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance, testing::ValuesIn(kStores),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace
