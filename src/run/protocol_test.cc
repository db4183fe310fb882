// The protocol on a real lake, store and engine: what is planned is committed once, whatever fails
// between.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "run/testing_project.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using testing_ends::world;

class Protocol : public ProjectTest {};

constexpr const char* kAppend = R"(
  - name: load
    from: {numbers: {}}
    to: {table: {name: silver.t, mode: append}}
)";
// The table commits first, then the moody one.
constexpr const char* kTwo = R"(
  - name: load
    from: {numbers: {}}
    to:
      - table: {name: silver.t, mode: append}
      - moody: {path: moody}
)";

TEST_F(Protocol, ReadsOnlyWhatIsNewAndSkipsWhenNothingIs) {
  Pipeline(kAppend);
  Runner::Outcome first = Run();
  EXPECT_EQ(first.state, RunState::kSucceeded) << first.status.ToString();
  EXPECT_EQ(Column("silver.t"), "1 2 3");
  EXPECT_EQ(Task(first.run, "p/load").reason, "first run");
  EXPECT_EQ(Task(first.run, "p/load").rows_out, 3);

  Runner::Outcome second = Run();
  EXPECT_EQ(Task(second.run, "p/load").state, TaskState::kSkipped);
  EXPECT_EQ(Task(second.run, "p/load").reason, "nothing changed");
  EXPECT_EQ(Last("p/load").id.sequence, 1);

  world.upto = 5;
  EXPECT_EQ(Plan().at(0).reason, "input 'input' has new data");
  Run();
  EXPECT_EQ(Column("silver.t"), "1 2 3 4 5");
  CommitRecord last = Last("p/load");
  EXPECT_EQ(last.id.sequence, 2);
  EXPECT_EQ(last.begin["input"].token, "3");
  EXPECT_TRUE(last.finished);
}

TEST_F(Protocol, WhatIsNotRowByRowSeesEveryBatchOnceAndEachRowAsOftenAsItIsNamed) {
  Pipeline(R"(
  - name: load
    from: {numbers: {}}
    sql: SELECT a.n * 100 + sum(b.n) AS n FROM input AS a, input AS b GROUP BY a.n
    to: {table: {name: silver.t, mode: append}}
)");
  Runner::Outcome first = Run();
  EXPECT_EQ(first.state, RunState::kSucceeded) << first.status.ToString();
  EXPECT_EQ(Column("silver.t"), "106 206 306");
  EXPECT_EQ(Task(first.run, "p/load").rows_in, 3);
  world.upto = 5;
  Run();
  EXPECT_EQ(Column("silver.t"), "106 206 306 409 509");
}

TEST_F(Protocol, ARunAfterAHalfCommitCompletesItFirst) {
  Pipeline(kTwo);
  world.refuses = true;
  Runner::Outcome failed = Run();
  EXPECT_EQ(failed.state, RunState::kFailed);
  EXPECT_EQ(failed.status.code(), Code::kUnavailable);
  EXPECT_EQ(Column("silver.t"), "1 2 3");
  EXPECT_FALSE(Last("p/load").finished);

  world.refuses = false;
  world.upto = 4;
  EXPECT_EQ(Plan().at(0).action, TaskPlan::Action::kComplete);
  EXPECT_EQ(Run().state, RunState::kSucceeded);
  EXPECT_EQ(Column("silver.t"), "1 2 3 4");
  EXPECT_EQ(File("moody"), "{'n': 1} {'n': 2} {'n': 3} {'n': 4}");
  EXPECT_EQ(Last("p/load").id.sequence, 2);
  EXPECT_EQ(Last("p/load").begin["input"].token, "3");
}

// The one that has the commit would write it twice if it were asked.
TEST_F(Protocol, ATargetThatHasTheCommitIsNotAskedAgain) {
  Pipeline(R"(
  - name: load
    from: {numbers: {}}
    to:
      - moody: {path: first}
      - moody: {path: second}
)");
  world.refuses = true;
  Run();
  EXPECT_EQ(File("first"), "{'n': 1} {'n': 2} {'n': 3}");
  world.refuses = false;
  EXPECT_EQ(Run().state, RunState::kSucceeded);
  EXPECT_EQ(File("first"), "{'n': 1} {'n': 2} {'n': 3}");
  EXPECT_EQ(File("second"), "{'n': 1} {'n': 2} {'n': 3}");
}

TEST_F(Protocol, AResumedRunCompletesWhatItPlanned) {
  Pipeline(std::string(kTwo) + R"(
  - name: after
    sql: SELECT count(*) AS n FROM silver.t
    to: {table: gold.count}
  - name: apart
    from: {numbers: {}}
    to: {table: silver.apart}
)");
  world.refuses = true;
  Runner::Outcome failed = Run();
  EXPECT_EQ(Task(failed.run, "p/after").state, TaskState::kUpstreamFailed);
  EXPECT_EQ(Task(failed.run, "p/apart").state, TaskState::kSucceeded);
  world.refuses = false;
  Runner::Outcome resumed = Resume(failed.run);
  EXPECT_EQ(resumed.state, RunState::kSucceeded) << resumed.status.ToString();
  EXPECT_EQ(resumed.run, failed.run);
  EXPECT_EQ(Column("silver.t"), "1 2 3");
  EXPECT_EQ(File("moody"), "{'n': 1} {'n': 2} {'n': 3}");
  EXPECT_EQ(Column("gold.count"), "3");
  EXPECT_EQ(Task(failed.run, "p/apart").attempt, 1) << "it was done";
  EXPECT_EQ(Task(failed.run, "p/load").attempt, 2);
  EXPECT_EQ(Runner(Context()).Resume(failed.run, {}).code(), Code::kInvalid)
      << "nothing is left to resume";
}

TEST_F(Protocol, AReplayReadsTablesAtTheVersionsPlanned) {
  Pipeline(R"(
  - name: load
    from: {numbers: {}}
    to: {table: {name: silver.t, mode: append}}
  - name: sum
    sql: SELECT sum(n) AS n, '${run.id}' AS run FROM silver.t
    to: {moody: {path: moody}}
)");
  world.refuses = true;
  Runner::Outcome failed = Run();
  world.upto = 4;
  Run({.tasks = {"load"}});
  EXPECT_EQ(Column("silver.t"), "1 2 3 4");
  world.refuses = false;
  Runner::Outcome second = Run();
  EXPECT_EQ(second.state, RunState::kSucceeded) << second.status.ToString();
  EXPECT_EQ(File("moody"),
            "{'n': 10, 'run': " + second.run + "} {'n': 6, 'run': " + failed.run + "}");
}

TEST_F(Protocol, APlanThatNobodyHasIsGivenUpWhenTheDefinitionChanged) {
  Pipeline("  - {name: load, from: {numbers: {}}, to: {moody: {path: moody}}}\n");
  world.refuses = true;
  Run();
  Pipeline(
      "  - {name: load, from: {numbers: {}}, sql: SELECT n * 10 AS n FROM input, to: {moody: "
      "{path: moody}}}\n");
  world.refuses = false;
  EXPECT_EQ(Run().state, RunState::kSucceeded);
  EXPECT_EQ(File("moody"), "{'n': 10} {'n': 20} {'n': 30}");
  EXPECT_EQ(Last("p/load").id.sequence, 1);
}

TEST_F(Protocol, APlanThatCannotBeReadAgainIsGivenUpOrTold) {
  Pipeline("  - {name: load, from: {numbers: {}}, to: {moody: {path: moody}}}\n");
  world.refuses = true;
  Run();
  world.upto = 5;
  world.gone_before = 3;  // 1..3 alone cannot be read any more
  world.refuses = false;
  EXPECT_EQ(Run().state, RunState::kSucceeded);
  EXPECT_EQ(File("moody"), "{'n': 1} {'n': 2} {'n': 3} {'n': 4} {'n': 5}");
  EXPECT_EQ(Last("p/load").id.sequence, 1);

  Pipeline(kTwo);
  world.upto = 6;
  world.refuses = true;
  EXPECT_EQ(Run().state, RunState::kFailed);
  world.upto = 7;
  world.gone_before = 7;
  world.refuses = false;
  Runner::Outcome stuck = Run();
  EXPECT_EQ(stuck.status.code(), Code::kInvalid);
  EXPECT_NE(stuck.status.hint().find("--full-refresh"), std::string::npos)
      << stuck.status.ToString();
  world.gone_before = 0;
  EXPECT_EQ(Run({.full_refresh = true}).state, RunState::kSucceeded);
  EXPECT_EQ(Column("silver.t"), "1 2 3 4 5 6 7");
  EXPECT_EQ(File("moody"), "{'n': 1} {'n': 2} {'n': 3} {'n': 4} {'n': 5} {'n': 6} {'n': 7}");
}

TEST_F(Protocol, ALostStoreIsTakenUpFromTheTargets) {
  Pipeline(kAppend);
  Run();
  world.upto = 5;
  Run();
  store_.reset();
  std::filesystem::remove_all(folder_ + "/.millrace");
  OpenWorld();
  world.upto = 6;
  Runner::Outcome outcome = Run();
  EXPECT_EQ(outcome.state, RunState::kSucceeded) << outcome.status.ToString();
  EXPECT_EQ(Column("silver.t"), "1 2 3 4 5 6");
  EXPECT_NE(listener_.warnings.find("silver.t has commit 2 of p/load"), std::string::npos)
      << listener_.warnings;
}

TEST_F(Protocol, ALostTableIsWrittenAgainAndALostHalfIsTold) {
  Pipeline(kAppend);
  Run();
  std::filesystem::remove_all(folder_ + "/lake/silver/t");
  Runner::Outcome again = Run();
  EXPECT_EQ(again.state, RunState::kSucceeded) << again.status.ToString();
  EXPECT_EQ(Column("silver.t"), "1 2 3");
  EXPECT_EQ(Task(again.run, "p/load").reason, "silver.t has nothing of this task");

  Pipeline(kTwo);
  world.upto = 4;
  EXPECT_EQ(Run().state, RunState::kSucceeded) << "a further target gets what is new";
  EXPECT_EQ(File("moody"), "{'n': 4}");
  std::filesystem::remove_all(folder_ + "/lake/silver/t");
  Runner::Outcome told = Run();
  EXPECT_EQ(told.status.code(), Code::kInvalid);
  EXPECT_NE(told.status.message().find("silver.t lost rows"), std::string::npos)
      << told.status.ToString();
  EXPECT_EQ(Run({.full_refresh = true}).state, RunState::kSucceeded);
  EXPECT_EQ(Column("silver.t"), "1 2 3 4");
  EXPECT_EQ(File("moody"), "{'n': 1} {'n': 2} {'n': 3} {'n': 4}");
}

TEST_F(Protocol, AFullRefreshReplaces) {
  Pipeline(kAppend);
  Run();
  Runner::Outcome outcome = Run({.full_refresh = true});
  EXPECT_EQ(outcome.state, RunState::kSucceeded) << outcome.status.ToString();
  EXPECT_EQ(Column("silver.t"), "1 2 3");
  EXPECT_TRUE(Last("p/load").refresh);
  world.upto = 4;
  Run();
  EXPECT_EQ(Column("silver.t"), "1 2 3 4");
}

TEST_F(Protocol, AGateThatSaysNoLeavesEverythingAsItWas) {
  std::string gated = R"(
  - name: load
    from: {numbers: {}}
    checks: [{range: {column: n, max: 4, on_fail: fail}}]
    rejects: {table: silver.rejects}
    to: {table: {name: silver.t, mode: append}}
)";
  Pipeline(gated);
  EXPECT_EQ(Run().state, RunState::kSucceeded);
  world.upto = 6;
  Runner::Outcome outcome = Run();
  EXPECT_EQ(outcome.state, RunState::kFailed);
  EXPECT_EQ(outcome.status.code(), Code::kQuality) << outcome.status.ToString();
  EXPECT_EQ(Column("silver.t"), "1 2 3");
  EXPECT_EQ(Last("p/load").id.sequence, 1);
  std::vector<CheckRecord> checks = store_->Checks(outcome.run).value();
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_FALSE(checks[0].passed);
  EXPECT_EQ(checks[0].failed_rows, 2);
}

TEST_F(Protocol, RowsThatFailGoAside) {
  Pipeline(R"(
  - name: load
    from: {numbers: {}}
    checks: [{range: {name: small, column: n, max: 2}}]
    rejects: {table: silver.rejects}
    to: {table: {name: silver.t, mode: append}}
)");
  Runner::Outcome outcome = Run();
  EXPECT_EQ(outcome.state, RunState::kSucceeded) << outcome.status.ToString();
  EXPECT_EQ(Column("silver.t"), "1 2");
  EXPECT_EQ(Column("silver.rejects"), "3");
  EXPECT_EQ(Column("silver.rejects", "_rule"), "small");
  EXPECT_EQ(Column("silver.rejects", "_run_id"), outcome.run);
  EXPECT_EQ(Task(outcome.run, "p/load").rows_rejected, 1);
  EXPECT_EQ(Task(outcome.run, "p/load").rows_in, 3);
}

TEST_F(Protocol, RoutesRowsAndAddsBronzeColumns) {
  Pipeline(R"(
  - name: load
    from: {numbers: {}}
    to:
      - {when: "n < 2", table: {name: bronze.small, mode: append}}
      - {otherwise: true, table: {name: silver.large, mode: append}}
)");
  Runner::Outcome outcome = Run();
  EXPECT_EQ(outcome.state, RunState::kSucceeded) << outcome.status.ToString();
  EXPECT_EQ(Column("bronze.small"), "1");
  EXPECT_EQ(Column("silver.large"), "2 3");
  EXPECT_EQ(Column("bronze.small", "_run_id"), outcome.run);
  EXPECT_EQ(Column("bronze.small", "epoch_us(_ingested_at)"),
            std::to_string(Last("p/load").now.time_since_epoch().count()));
  EXPECT_NE(Column("silver.large", "_run_id").find("_run_id"), std::string::npos)
      << "only bronze has it";
}

TEST_F(Protocol, RetriesWhatMayPassAndNothingElse) {
  Pipeline(R"(
  - name: load
    from: {numbers: {}}
    retry: {attempts: 3, delay: 10ms}
    to: {table: {name: silver.t, mode: append}}
)");
  world.away = 2;
  Runner::Outcome outcome = Run();
  EXPECT_EQ(outcome.state, RunState::kSucceeded) << outcome.status.ToString();
  EXPECT_EQ(listener_.retries, 2);
  EXPECT_EQ(store_->Attempts(outcome.run, "p/load")->size(), 3u);
  world.upto = 9;
  world.away = 99;
  outcome = Run();
  EXPECT_EQ(outcome.status.code(), Code::kUnavailable);
  EXPECT_EQ(store_->Attempts(outcome.run, "p/load")->size(), 3u);
}

TEST_F(Protocol, AStopEndsItWithinASecondAndLeavesItResumable) {
  Pipeline(std::string(kAppend) + "  - {name: later, after: [load], command: [echo, hello]}\n");
  world.hangs = true;
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  std::jthread asks([&] {
    std::this_thread::sleep_for(milliseconds(300));
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  Runner::Outcome outcome = Run({}, stop.get_token());
  asks.join();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, milliseconds(1000));
  EXPECT_EQ(outcome.state, RunState::kCanceled);
  EXPECT_EQ(Task(outcome.run, "p/load").state, TaskState::kCanceled);
  EXPECT_EQ(Task(outcome.run, "p/later").state, TaskState::kCanceled);
  world.hangs = false;
  EXPECT_EQ(Resume(outcome.run).state, RunState::kSucceeded);
  EXPECT_EQ(Column("silver.t"), "1 2 3");
}

TEST_F(Protocol, ATaskThatTakesTooLongFails) {
  Pipeline("  - {name: load, from: {numbers: {}}, timeout: 100ms, to: {moody: {path: moody}}}\n");
  world.hangs = true;
  Runner::Outcome outcome = Run();
  EXPECT_EQ(outcome.state, RunState::kFailed);
  EXPECT_EQ(outcome.status.code(), Code::kUnavailable);
  EXPECT_NE(outcome.status.message().find("took longer than"), std::string::npos)
      << outcome.status.ToString();
}

TEST_F(Protocol, OnlyOneAtATimeRunsAPipelineAndTheDeadAreBuried) {
  Pipeline(kAppend);
  ASSERT_TRUE(
      store_->CreateRun({.id = "dead", .pipeline = "p", .process = 1}, {{.task = "p/load"}}).ok());
  ASSERT_TRUE(
      store_->MoveTask("dead", "p/load", TaskState::kPending, TaskState::kRunning, Time()).ok());
  {
    auto lock = store_->LockPipeline("p").value();
    Status refused = Runner(Context()).Run(folder_ + "/p.yml", {}, {}).status();
    EXPECT_EQ(refused.code(), Code::kConflict);
    EXPECT_NE(refused.message().find(std::to_string(::getpid())), std::string::npos)
        << refused.ToString();
    EXPECT_EQ(store_->GetRun("dead")->state, RunState::kRunning)
        << "its process may be the one with the lock";
  }
  EXPECT_EQ(Run().state, RunState::kSucceeded);
  EXPECT_EQ(store_->GetRun("dead")->state, RunState::kFailed);
  EXPECT_EQ(Task("dead", "p/load").state, TaskState::kCanceled);
}

TEST_F(Protocol, ATableMayBeReadByWhoWritesIt) {
  Pipeline(R"(
  - name: load
    from: {numbers: {incremental: false}}
    columns: {n: BIGINT}
    sql: SELECT n FROM input WHERE n NOT IN (SELECT n FROM silver.t)
    to: {table: {name: silver.t, mode: append}}
)");
  Runner::Outcome first = Run();
  EXPECT_EQ(first.state, RunState::kSucceeded) << first.status.ToString();
  EXPECT_EQ(Task(Run().run, "p/load").state, TaskState::kSkipped) << "its own commit is no news";
  world.upto = 5;
  Run();
  EXPECT_EQ(Column("silver.t"), "1 2 3 4 5");
}

TEST_F(Protocol, CommandsGetTheRunAndAlwaysRun) {
  Pipeline(
      "  - {name: say, command: [sh, -c, 'echo \"$MILLRACE_RUN_ID $MILLRACE_TASK\" >> said']}\n");
  Runner::Outcome first = Run(), second = Run();
  EXPECT_NE(File("said").find(first.run + " p/say"), std::string::npos);
  EXPECT_NE(File("said").find(second.run + " p/say"), std::string::npos);
  Pipeline(
      "  - {name: say, retry: {attempts: 2, delay: 1ms}, command: [sh, -c, 'echo no; exit 3']}\n");
  Runner::Outcome failed = Run();
  EXPECT_EQ(failed.state, RunState::kFailed);
  EXPECT_EQ(listener_.retries, 1);
  EXPECT_NE(failed.status.message().find("ended with status 3: no"), std::string::npos)
      << failed.status.ToString();
}

TEST_F(Protocol, PlanTellsWhatARunWouldDo) {
  std::string two = std::string(kAppend) + R"(
  - name: sum
    sql: SELECT sum(n) AS n FROM silver.t
    to: {table: gold.sum}
)";
  Pipeline(two);
  std::vector<TaskPlan> plan = Plan();
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].reason, "first run");
  EXPECT_EQ(plan[1].reason, "first run");
  EXPECT_TRUE(store_->Runs("", 9)->empty());
  Run();
  plan = Plan();
  EXPECT_EQ(plan[0].action, TaskPlan::Action::kSkip);
  EXPECT_EQ(plan[1].action, TaskPlan::Action::kSkip);
  world.upto = 4;
  plan = Plan();
  EXPECT_EQ(plan[0].action, TaskPlan::Action::kRun);
  EXPECT_EQ(plan[1].reason, "silver.t will change");
  EXPECT_EQ(plan[1].writes, std::vector<std::string>{"gold.sum"});
  Run();
  two.replace(two.find("sum(n) AS n"), 11, "max(n) AS n");
  Pipeline(two);
  plan = Plan();
  EXPECT_EQ(plan[0].action, TaskPlan::Action::kSkip);
  EXPECT_EQ(plan[1].reason, "its definition changed");
  EXPECT_EQ(Plan({.force = true})[0].reason, "forced");
  EXPECT_EQ(Column("gold.sum"), "10");
}

TEST_F(Protocol, RecordsLineage) {
  Pipeline(std::string(kAppend) +
           "  - {name: sum, sql: SELECT sum(n) AS n FROM silver.t, to: {table: gold.sum}}\n");
  Run();
  std::vector<LineageRecord> lineage = store_->Lineage().value();
  std::vector<std::string> lines;
  for (const LineageRecord& record : lineage) {
    lines.push_back(record.task + (record.written ? " > " : " < ") + record.table);
  }
  EXPECT_EQ(Join(lines, ", "), "p/load > silver.t, p/sum < silver.t, p/sum > gold.sum");
}

}  // namespace
}  // namespace millrace
