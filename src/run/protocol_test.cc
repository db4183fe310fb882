// The protocol on a real lake, store and engine: what is planned is committed once, whatever fails
// between. Only the ends of the world are ours: a source of numbers, and a sink that fails when
// told.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/hash.h"
#include "base/text.h"
#include "connect/registry.h"
#include "run/rows_builder.h"
#include "run/run.h"
#include "store/sqlite/sqlite_store.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using Collected = std::vector<std::vector<std::optional<std::string>>>;

// What the test says of the world while a run looks at it.
struct World {
  std::atomic<int64_t> upto = 3;         // numbers 1..upto are there
  std::atomic<int64_t> gone_before = 0;  // smaller ones cannot be read any more
  std::atomic<bool> hangs = false;       // reading waits until it is stopped
  std::atomic<int> away = 0;             // so many openings fail
  std::atomic<bool> refuses = false;     // the sink's commits fail
};
World world;

struct NumbersConfig {
  bool incremental = true;
};

// Numbers 1 to wherever the world is; a position is the last number.
class Numbers final : public Source {
 public:
  Status Probe(std::stop_token) override { return Status::Ok(); }
  Result<Position> Latest(const std::optional<Position>&, std::stop_token) override {
    return Position{std::to_string(world.upto)};
  }
  Status Open(const Range& range, std::stop_token stop) override {
    if (world.away > 0 && world.away-- > 0) return {Code::kUnavailable, "the numbers are away"};
    begin_ = range.begin ? std::stoll(range.begin->token) : 0;
    end_ = range.end ? std::stoll(range.end->token) : world.upto.load();
    if (begin_ < world.gone_before && end_ < world.upto) return Invalid("old numbers are gone");
    while (world.hangs && !stop.stop_requested()) std::this_thread::sleep_for(milliseconds(5));
    return stop.stop_requested() ? Canceled() : Status::Ok();
  }
  Result<std::optional<Batch>> Read(std::stop_token) override {
    if (read_) return std::optional<Batch>();
    read_ = true;
    Schema schema{.columns = {{.name = "n", .type = {.kind = TypeKind::kBigInt}}}};
    auto builder = TRY(RowsBuilder::Make(schema));
    for (int64_t n = begin_ + 1; n <= end_; ++n) builder->Int(n);
    auto reader = TRY(builder->Finish());
    std::optional<Rows> rows = TRY(reader->Next({}));
    return std::optional(Batch{*rows, {std::to_string(end_)}});
  }
  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    return std::optional(Schema{.columns = {{.name = "n", .type = {.kind = TypeKind::kBigInt}}}});
  }

 private:
  int64_t begin_ = 0, end_ = 0;
  bool read_ = false;
};

struct MoodyConfig {
  std::string path;
};

// Keeps rows in a file, a line each, and its last commit in another; refuses to commit when the
// world says so.
class Moody final : public Sink {
 public:
  explicit Moody(std::string path) : path_(std::move(path)) {}
  Status Probe(std::stop_token) override { return Status::Ok(); }
  Result<std::optional<Committed>> LastCommit(std::string_view, std::stop_token) override {
    Committed committed;
    std::ifstream file(path_ + ".commit");
    if (!(file >> committed.sequence)) return std::optional<Committed>();
    std::getline(file >> std::ws, committed.position);
    return std::optional(committed);
  }
  Status Open(const Schema&, const WriteIntent& intent, std::stop_token) override {
    if (intent.refresh) std::filesystem::remove(path_);
    return Status::Ok();
  }
  Status Write(const Rows&, std::stop_token) override { return Internal("not used"); }
  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    auto all =
        TRY(session.Collect({"SELECT CAST(r AS VARCHAR) FROM (" + rows.text + "\n) r"}, stop));
    for (const auto& row : all) staged_ += row[0].value_or("") + "\n";
    return WriteCount{.rows = static_cast<int64_t>(all.size())};
  }
  Status Commit(const CommitInfo& commit, std::stop_token) override {
    if (world.refuses) return Status(Code::kUnavailable, "the sink is moody");
    std::ofstream(path_, std::ios::app) << staged_;
    std::ofstream(path_ + ".commit") << commit.id.sequence << "\n" << commit.position << "\n";
    return Status::Ok();
  }
  std::string Target() const override { return "moody"; }

 private:
  const std::string path_;
  std::string staged_;
};

Result<std::unique_ptr<Source>> MakeNumbers(const NumbersConfig&, ConnectContext&) {
  return std::unique_ptr<Source>(std::make_unique<Numbers>());
}
SourceTraits NumbersTraits(const NumbersConfig& config) {
  return {.incremental = config.incremental, .can_be_incremental = true};
}
Result<std::unique_ptr<Sink>> MakeMoody(const MoodyConfig& config, ConnectContext& context) {
  return std::unique_ptr<Sink>(std::make_unique<Moody>(context.folder + "/" + config.path));
}

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

class Protocol : public testing::Test {
 protected:
  void SetUp() override {
    world.upto = 3;
    world.gone_before = 0;
    world.hangs = world.refuses = false;
    world.away = 0;
    std::filesystem::create_directories(folder_);
    RegisterAll(registry_);
    registry_.AddSource<NumbersConfig>(
        "numbers",
        Spec<NumbersConfig>("numbers source", "For tests.")
            .Field("incremental", &NumbersConfig::incremental, "Only new ones."),
        MakeNumbers, NumbersTraits);
    registry_.AddSink<MoodyConfig>(
        "moody",
        Spec<MoodyConfig>("moody sink", "For tests.").Field("path", &MoodyConfig::path, "File."),
        MakeMoody);
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
    lake_ = OpenLake(folder_ + "/lake", env_, *engine_).value();
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
  EXPECT_EQ(File("said"), first.run + " p/say " + second.run + " p/say");
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
