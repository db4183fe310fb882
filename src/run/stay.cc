// Runner::Stay: the tasks of one file, each by its schedule or continuously, in the foreground.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "base/hash.h"
#include "base/text.h"
#include "pipeline/cron.h"
#include "run/runner.h"
#include "run/upkeep.h"
#include "run/wait.h"

namespace millrace {

namespace {

constexpr Micros kLook = std::chrono::milliseconds(250);      // at clocks and files
constexpr Micros kDrainTime = std::chrono::milliseconds(4000);  // then what is at hand is given up
constexpr Micros kTableLook = std::chrono::seconds(1);
constexpr Micros kLeadLook = std::chrono::seconds(1);  // whether others are still there
constexpr int kRunsLookedAt = 100;  // for a schedule's last run, newest first
constexpr size_t kMaxWatched = 1000;

// Changes when the pipeline's file or an SQL file beside or below it does.
std::string PrintOf(const Pipeline& pipeline) {
  namespace fs = std::filesystem;
  std::vector<std::string> seen;
  auto add = [&](const fs::path& path) {
    std::error_code error;
    auto modified = fs::last_write_time(path, error);
    auto size = fs::file_size(path, error);
    seen.push_back(path.string() + " " + std::to_string(modified.time_since_epoch().count()) + " " +
                   std::to_string(size));
  };
  std::error_code error;
  add(pipeline.file);
  for (fs::recursive_directory_iterator at(pipeline.folder, error), end;
       !error && at != end && seen.size() < kMaxWatched; at.increment(error)) {
    if (at->path().filename().string().starts_with(".")) {
      at.disable_recursion_pending();
    } else if (at->path().extension() == ".sql") {
      add(at->path());
    }
  }
  std::sort(seen.begin(), seen.end());
  return Sha256Hex(Join(seen, "\n"));
}

std::vector<std::string> KeysOf(const Pipeline& pipeline,
                                const std::function<bool(const Trigger&)>& wanted) {
  std::vector<std::string> keys;
  for (const Task& task : pipeline.tasks) {
    if (wanted(task.trigger)) keys.push_back(task.key);
  }
  return keys;
}

// The tasks of one schedule and the run of them that is under way.
struct Timer {
  std::string schedule;  // "": once, at the start
  std::optional<Cron> cron;
  std::vector<std::string> tasks;
  std::vector<std::string> ready = {};  // of the tasks: those whose tables are there
  bool complete = false;                // all of them are
  Time looked = {};
  std::optional<Time> due, before;
  std::atomic<bool> busy = false;
  std::jthread run = {};
};

}  // namespace

// The pipeline as it was read for a run: ${run.*} stands in its paths and conditions.
struct Reading {
  RunRecord record;
  Pipeline pipeline;
};

Result<Reading> Read(Runner::State& state, const std::string& file, RunRecord record) {
  Pipeline pipeline = TRY(state.Load(file, record));
  return Reading{std::move(record), std::move(pipeline)};
}

// This process's among those that run the pipeline.
struct Seat {
  std::unique_ptr<Membership> membership;  // null: it is alone
  std::unique_ptr<ProcessLock> lead;       // null: another one does schedules and upkeep
};

Result<Seat> TakeSeat(Store& store, const std::string& pipeline, bool join) {
  Seat seat;
  if (join) seat.membership = TRY(store.JoinPipeline(pipeline));
  seat.lead = join ? TRY(seat.membership->Lead()) : TRY(store.LockPipeline(pipeline));
  return seat;
}

// One reading of the pipeline's file, until it is drained or the file changes.
class Generation {
 public:
  Generation(Runner::State& state, const RunOptions& options, Reading reading, Seat& seat,
             std::stop_token drain, std::stop_token stop)
      : state_(state),
        options_(options),
        seat_(seat),
        record_(std::move(reading.record)),
        pipeline_(std::move(reading.pipeline)),
        print_(PrintOf(pipeline_)),
        outer_drain_(drain),
        stop_(stop),
        pass_on_(drain, [this] { drain_.request_stop(); }),
        control_(drain_.get_token(), stop) {}

  // The next reading; nullopt: it is to end.
  Result<std::optional<Reading>> Run() {
    TRY(StartStreams());
    if (seat_.lead) TRY(MakeTimers());
    std::optional<Reading> next;
    while (!drain_.stop_requested()) {
      LookAtOthers();
      StartWhatIsDue();
      if (Ended()) break;
      CareForTables();
      if ((next = Changed())) break;
      WaitUntil(state_.Now() + kLook, drain_.get_token());
    }
    drain_.request_stop();
    if (seat_.membership && outer_drain_.stop_requested()) Leave();
    if (streams_.joinable()) streams_.join();
    if (care_.joinable()) care_.join();
    for (auto& timer : timers_) {
      if (timer->run.joinable()) timer->run.join();
    }
    return next;
  }
  const Runner::Outcome& outcome() const { return outcome_; }

 private:
  void LookAtOthers() {
    if (!seat_.membership || state_.Now() < looked_ + kLeadLook) return;
    looked_ = state_.Now();
    Status looked = seat_.lead ? state_.BuryDead(pipeline_.name, seat_.membership.get())
                               : TakeLead();
    if (!looked.ok()) Warn("looking after the other processes: " + looked.message(), looked.hint());
  }

  // When nobody has it.
  Status TakeLead() {
    std::unique_ptr<ProcessLock> lead = TRY(seat_.membership->Lead());
    if (!lead) return Status::Ok();
    TRY(state_.BuryDead(pipeline_.name, seat_.membership.get()));
    Status made = MakeTimers();
    if (!made.ok()) timers_.clear();
    TRY(std::move(made));
    seat_.lead = std::move(lead);
    state_.announcer.Tell({.kind = Event::Kind::kStreamed,
                           .pipeline = pipeline_.name,
                           .message = "leads now: schedules and upkeep are this process's"});
    return Status::Ok();
  }

  // The others take over at once what it lets go.
  void Leave() {
    Status told = seat_.membership->Leave();
    if (!told.ok()) Warn("the other processes could not be told: " + told.message(), told.hint());
  }

  // In a thread of its own: a large table takes its time.
  void CareForTables() {
    const Micros every = state_.context.project.lake.compact_every;
    if (!seat_.lead || !streaming_ || caring_ || state_.Now() < cared_ + every) return;
    bool first = cared_ == Time();
    cared_ = state_.Now();
    if (first) return;
    if (care_.joinable()) care_.join();
    caring_ = true;
    care_ = std::jthread([this] {
      RunScope run{state_.context, *state_.store, state_.announcer, state_.board,
                   pipeline_,      record_};
      CompactStreamed(run, drain_.get_token());
      KeepUp(run, drain_.get_token());
      ReturnFreeMemory();
      caring_ = false;
    });
  }

  Status StartStreams() {
    auto keys = KeysOf(pipeline_, [](const Trigger& trigger) { return trigger.continuous; });
    if (keys.empty()) return Status::Ok();
    std::vector<GraphTask> graph = TRY(ChooseTasks(pipeline_, keys));
    for (GraphTask& task : graph) task.upstream.clear();
    TRY(state_.Create(record_, pipeline_, graph));
    if (seat_.membership)
      control_.shares = std::make_unique<Shares>(*seat_.membership, state_.context.env.clock,
                                                 graph.size());
    streaming_ = has_streams_ = true;
    streams_ = std::jthread([this, graph = std::move(graph)]() mutable {
      int parallel = static_cast<int>(graph.size());
      Runner::Outcome outcome = state_.Work(record_, pipeline_, std::move(graph), parallel,
                                            drain_.get_token(), &control_);
      Remember(outcome);
      streaming_ = false;
    });
    return Status::Ok();
  }

  RunRecord Describe(Time due) {
    RunRecord record = state_.Describe(pipeline_.file, options_);
    record.logical_date = record.interval_start = record.interval_end = due;
    return record;
  }

  Status MakeTimers() {
    std::map<std::string, std::vector<std::string>> by_schedule;
    for (const Task& task : pipeline_.tasks) {
      if (!task.trigger.continuous) by_schedule[task.trigger.schedule].push_back(task.key);
    }
    for (auto& [schedule, tasks] : by_schedule) {
      auto timer = std::make_unique<Timer>();
      timer->schedule = schedule;
      timer->tasks = std::move(tasks);
      timer->due = state_.Now();
      if (!schedule.empty()) {
        timer->cron = TRY(Cron::Parse(schedule, pipeline_.timezone));
        timer->before = TRY(LastRun(timer->tasks.front()));
        // What was missed while nobody was here is made up for, once.
        if (timer->before)
          timer->due = std::max(timer->cron->Next(*timer->before).value_or(Time::max()),
                                state_.Now());
      }
      timers_.push_back(std::move(timer));
    }
    return Status::Ok();
  }

  // The tasks that can run: not those that read what continuous tasks write and nothing was written
  // to yet, nor those after them.
  Result<std::vector<std::string>> WithTables(const std::vector<std::string>& keys) {
    std::set<std::string> streamed, wait;
    for (const Task& task : pipeline_.tasks) {
      if (task.trigger.continuous) streamed.insert(task.writes.begin(), task.writes.end());
    }
    std::vector<std::string> ready;
    for (const Task& task : pipeline_.tasks) {  // each comes after its upstream
      if (std::find(keys.begin(), keys.end(), task.key) == keys.end()) continue;
      bool waits = std::any_of(task.upstream.begin(), task.upstream.end(),
                               [&](const std::string& key) { return wait.contains(key); });
      for (const std::string& table : task.reads) {
        Result<TableName> name = ParseTableName(table);
        if (waits || !name.ok() || !streamed.contains(table)) continue;
        waits = !TRY(state_.context.lake.Open(*name)->Exists());
      }
      if (waits)
        wait.insert(task.key);
      else
        ready.push_back(task.key);
    }
    return ready;
  }

  // With a second between two looks at the tables of a lake, which may be elsewhere.
  bool Waits(Timer& timer) {
    if (timer.complete) return false;
    if (state_.Now() < timer.looked + kTableLook) return true;
    timer.looked = state_.Now();
    Result<std::vector<std::string>> ready = WithTables(timer.tasks);
    timer.ready = ready.ok() ? *ready : timer.tasks;
    timer.complete = timer.ready.size() == timer.tasks.size();
    return timer.ready.empty();
  }

  Result<std::optional<Time>> LastRun(const std::string& task) {
    for (const RunRecord& run : TRY(state_.store->Runs(pipeline_.name, kRunsLookedAt))) {
      for (const TaskRecord& record : TRY(state_.store->Tasks(run.id))) {
        if (record.task == task) return std::optional(run.logical_date);
      }
    }
    return std::optional<Time>();
  }

  void StartWhatIsDue() {
    for (auto& timer : timers_) {
      if (timer->busy || !timer->due || *timer->due > state_.Now() || Waits(*timer)) continue;
      if (timer->run.joinable()) timer->run.join();
      RunRecord record = Describe(*timer->due);
      record.interval_start = timer->before.value_or(*timer->due);
      timer->before = timer->due;
      timer->due = timer->cron ? timer->cron->Next(state_.Now()) : std::nullopt;
      timer->busy = true;
      timer->run = std::jthread([this, record, &timer = *timer] {
        RunScheduled(record, timer.complete ? timer.tasks : timer.ready);
        timer.busy = false;
      });
    }
  }

  void RunScheduled(const RunRecord& due, const std::vector<std::string>& tasks) {
    auto work = [&]() -> Result<Runner::Outcome> {
      auto [record, pipeline] = TRY(Read(state_, pipeline_.file, due));
      std::vector<GraphTask> graph = TRY(ChooseTasks(pipeline, tasks));
      TRY(state_.Create(record, pipeline, graph));
      return state_.Work(record, pipeline, std::move(graph), options_.parallel, outer_drain_);
    };
    Result<Runner::Outcome> outcome = work();
    if (outcome.ok()) return Remember(*outcome);
    Warn("a scheduled run could not be started: " + outcome.status().message(),
         outcome.status().hint());
  }

  void Remember(const Runner::Outcome& outcome) {
    std::lock_guard lock(mutex_);
    if (outcome_.run.empty() || outcome.state == RunState::kFailed) outcome_ = outcome;
  }

  // Nothing goes on, and nothing will.
  bool Ended() const {
    bool waits_to_lead = !seat_.lead && !has_streams_;
    if (streaming_ || waits_to_lead) return false;
    return std::all_of(timers_.begin(), timers_.end(),
                       [](const auto& timer) { return !timer->busy && !timer->due; });
  }

  std::optional<Reading> Changed() {
    std::string print = PrintOf(pipeline_);
    if (print == print_) return std::nullopt;
    print_ = print;
    Result<Reading> next = Read(state_, pipeline_.file, Describe(state_.Now()));
    if (!next.ok()) {
      Warn("the file changed, and is not taken over: " + next.status().message(),
           "the tasks go on as they are");
      return std::nullopt;
    }
    if (next->pipeline.name != pipeline_.name) {
      Warn("the pipeline's name changed, and is not taken over",
           "end this run and start another one");
      return std::nullopt;
    }
    state_.announcer.Tell({.kind = Event::Kind::kStreamed,
                           .pipeline = pipeline_.name,
                           .message = "the file changed: taken over"});
    return *std::move(next);
  }

  void Warn(std::string message, std::string hint) {
    state_.announcer.Tell({.kind = Event::Kind::kWarning,
                           .pipeline = pipeline_.name,
                           .message = std::move(message),
                           .hint = std::move(hint)});
  }

  Runner::State& state_;
  const RunOptions& options_;
  Seat& seat_;
  const RunRecord record_;  // of the streams' run
  const Pipeline pipeline_;
  std::string print_;
  const std::stop_token outer_drain_, stop_;
  std::stop_source drain_;
  std::stop_callback<std::function<void()>> pass_on_;
  StreamControl control_;
  std::mutex mutex_;  // over outcome_
  Runner::Outcome outcome_;  // of the first run, or the last that failed
  std::atomic<bool> streaming_ = false;
  std::atomic<bool> caring_ = false;  // tables are being looked after
  bool has_streams_ = false;
  std::vector<std::unique_ptr<Timer>> timers_;
  Time cared_;   // when its tables were looked after
  Time looked_;  // when the other processes were
  std::jthread streams_, care_;
};

Result<Runner::Outcome> Runner::Stay(const std::string& file, const RunOptions& options,
                                     std::stop_token drain) {
  std::stop_source stop;
  std::jthread patience([&](std::stop_token ended) {
    WaitFor(drain, ended);
    WaitUntil(std::chrono::time_point_cast<Micros>(std::chrono::system_clock::now()) + kDrainTime,
              ended);
    if (!ended.stop_requested()) stop.request_stop();
  });
  std::optional<Reading> reading = TRY(Read(*state_, file, state_->Describe(file, options)));
  const std::string name = reading->pipeline.name;
  Seat seat = TRY(TakeSeat(*state_->store, name, options.join));
  if (seat.lead) TRY(state_->BuryDead(name, seat.membership.get()));
  Outcome outcome;
  while (reading && !drain.stop_requested()) {
    Generation generation(*state_, options, *std::move(reading), seat, drain, stop.get_token());
    reading = TRY(generation.Run());
    outcome = generation.outcome();
  }
  if (outcome.run.empty() && outcome.status.ok()) outcome.status = Canceled();
  return outcome;
}

}  // namespace millrace
