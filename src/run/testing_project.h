// A project of one pipeline on a real lake, store and engine.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/text.h"
#include "run/run.h"
#include "run/testing_ends.h"
#include "store/sqlite/sqlite_store.h"

namespace millrace {

struct Listener final : Observer {
  void On(const Event& event) override {
    std::string text = event.message;
    if (event.kind == Event::Kind::kTaskEnded) {
      ended[event.task] = event.task_state;
      text = event.task + " " + std::string(Name(event.task_state)) + ": " + text;
    }
    if (event.kind == Event::Kind::kTaskRetry) ++retries;
    if (event.kind == Event::Kind::kWarning) warnings += text + "\n";
    all += text + "\n";
  }
  std::map<std::string, TaskState> ended;
  std::string warnings, all;
  int retries = 0;
};

class ProjectTest : public testing::Test {
 protected:
  void SetUp() override {
    testing_ends::world.Reset();
    std::filesystem::create_directories(folder_);
    RegisterAll(registry_);
    testing_ends::Register(registry_);
    engine_ = OpenDuckDb({.memory_limit = 300 << 20, .threads = 2}).value();
    project_.folder = folder_;
    OpenWorld();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void OpenWorld() {
    store_.reset();
    store_ = OpenSqliteStore(folder_ + "/.millrace/millrace.db").value();
    lake_ = OpenLake(folder_ + "/lake", env_, *engine_);
  }
  RunContext Context() { return {env_, project_, registry_, *engine_, *store_, *lake_, listener_}; }

  void Pipeline(const std::string& tasks) {
    std::ofstream(folder_ + "/p.yml") << "name: p\ntasks:\n" << tasks;
  }
  Runner::Outcome Run(const RunOptions& options = {}, std::stop_token stop = {}) {
    listener_ = {};
    auto outcome = Runner(Context()).Run(folder_ + "/p.yml", options, stop);
    EXPECT_TRUE(outcome.ok()) << outcome.status().ToString();
    return outcome.ok() ? *outcome : Runner::Outcome{};
  }
  Runner::Outcome Resume(const RunId& run) {
    listener_ = {};
    auto outcome = Runner(Context()).Resume(run, {});
    EXPECT_TRUE(outcome.ok()) << outcome.status().ToString();
    return outcome.ok() ? *outcome : Runner::Outcome{};
  }
  std::vector<TaskPlan> Plan(const RunOptions& options = {}) {
    auto plan = Runner(Context()).Plan(folder_ + "/p.yml", options, {});
    EXPECT_TRUE(plan.ok()) << plan.status().ToString();
    return plan.ok() ? *plan : std::vector<TaskPlan>();
  }
  // "1 2 3": a column of a table, sorted, through the lake.
  std::string Column(const std::string& table, const std::string& column = "n") {
    auto session = engine_->Open("look").value();
    Status defined = DefineLakeTables(*session, *lake_, {table}, {});
    if (!defined.ok()) return defined.ToString();
    auto rows = session->Collect(
        {"SELECT CAST(" + column + " AS VARCHAR) FROM " + table + " ORDER BY " + column}, {});
    if (!rows.ok()) return rows.status().ToString();
    std::vector<std::string> values;
    for (const auto& row : *rows) values.push_back(row[0].value_or("-"));
    return Join(values, " ");
  }
  std::string File(const std::string& name) {
    std::ifstream file(folder_ + "/" + name);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    std::sort(lines.begin(), lines.end());
    return Join(lines, " ");
  }
  TaskRecord Task(const RunId& run, const std::string& key) {
    std::vector<TaskRecord> tasks = store_->Tasks(run).value();
    for (const TaskRecord& task : tasks) {
      if (task.task == key) return task;
    }
    return {};
  }
  CommitRecord Last(const std::string& task) {
    return store_->LastCommit(task).value().value_or(CommitRecord());
  }

  const std::string folder_ = testing::TempDir() + "millrace-protocol-" + NewUuid();
  Env env_{SystemClock()};
  Project project_;
  Registry registry_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Lake> lake_;
  Listener listener_;
};

}  // namespace millrace
