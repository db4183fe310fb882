#include "run/attempt.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "run/command.h"
#include "run/deadline.h"
#include "run/wait.h"

namespace millrace {

namespace {

double Millis(Micros time) { return std::chrono::duration<double, std::milli>(time).count(); }

// Of a batch, about: asked to end, a stream finishes the one at hand.
constexpr Micros kBatchTakes = std::chrono::seconds(1);
constexpr int64_t kFirstRows = 100'000, kLeastRows = 1'000;

constexpr Micros kPausedLook = std::chrono::seconds(1);

Status WriteRows(Walk& walk, const Interval& interval, std::stop_token stop) {
  Sql rows = TRY(walk.Transform(interval, stop));
  Checked checked = TRY(walk.Check(rows, stop));
  TRY(walk.Write(checked, interval, stop));
  return walk.WriteRejects(checked, interval, stop);
}

// The walk: read → transform → check → write → commit. A crash before Plan leaves nothing that
// counts; after it, the same interval is walked again, past the targets that have it.
Status Advance(Walk& walk, const Interval& interval, std::stop_token stop) {
  if (interval.replay && walk.AllHave(interval.commit.id)) return walk.Finish(interval);
  TRY(walk.TakeFiles(interval, stop));
  if (walk.TakesRows()) TRY(WriteRows(walk, interval, stop));
  TRY(walk.Count());
  if (walk.OnlyChecks()) return Status::Ok();
  TRY(walk.Plan(interval));
  TRY(walk.CommitRejects(interval, stop));
  TRY(walk.CommitTargets(interval, stop));
  return walk.Finish(interval);
}

// The task as it was when another run planned the interval: with that run's ${run.*}.
Result<std::optional<Pipeline>> PipelineOf(RunScope& run, const RunRecord& other) {
  Diagnostics diagnostics;
  RunContext& context = run.context;
  auto pipeline = LoadPipeline(context.project, run.pipeline.file, context.registry,
                               run.record.params, ValuesOf(other), diagnostics);
  TRY(diagnostics.ToStatus());
  return pipeline;
}

}  // namespace

void Attempt::Tell(const Decision& decision) {
  if (!decision.warning.empty() && decision.warning != warned_) {
    warned_ = decision.warning;
    log_.Line("warning: " + decision.warning);
    run_.Tell(Event::Kind::kWarning, task_, decision.warning);
  }
  bool first = reason_.empty();
  if (first) reason_ = decision.reason;
  bool usual = decision.kind == Decision::Kind::kSkip || decision.kind == Decision::Kind::kRun;
  if (first || !usual || run_.streams == nullptr) log_.Line(decision.reason);
}

Result<std::optional<Interval>> Attempt::NextInterval(std::unique_ptr<Walk>& walk,
                                                      std::stop_token stop) {
  Wishes wishes{.force = run_.record.force, .full_refresh = run_.record.full_refresh};
  for (;;) {
    if (!walk) {
      walk = TRY(Walk::Begin(run_, task_, run_.record, log_, progress_, stop));
      if (run_.streams != nullptr) {
        walk->Stream(limit_, run_.streams->Totals(task_.key), Pulse::kEvery);
      }
    }
    Decision decision = TRY(run_.tries_rejects ? DecideOnRejects(*walk, stop)
                                               : Decide(*walk, wishes, stop));
    const Interval& interval = decision.interval;
    Tell(decision);
    switch (decision.kind) {
      case Decision::Kind::kSkip:
        // Once more: the process that committed may have ended just before it told the inputs.
        if (!acknowledged_ && !run_.tries_rejects) TRY(walk->Acknowledge(interval));
        acknowledged_ = true;
        return std::optional<Interval>();
      case Decision::Kind::kRun: return std::optional(interval);
      case Decision::Kind::kAbandon: TRY(run_.store.AbandonCommit(interval.commit.id)); break;
      case Decision::Kind::kSupersede:
        TRY(run_.store.FinishCommit(interval.commit.id, run_.Now()));
        break;
      case Decision::Kind::kAdopt: TRY(run_.store.AdoptCommit(interval.commit)); break;
      case Decision::Kind::kComplete:
        walk.reset();
        TRY(Complete(interval, stop));
        completed_ = true;
        break;
    }
    walk.reset();
  }
}

Status Attempt::WalkOne(Walk& walk, const Interval& interval, std::stop_token stop) {
  Status status = walk.OpenInputs(interval, stop);
  if (status.ok()) status = Advance(walk, interval, stop);
  counts_ = walk.Totals();
  outputs_ = walk.left_outside;
  return status;
}

Result<Done> Attempt::WalkOn(std::stop_token stop) {
  std::unique_ptr<Walk> walk;
  std::optional<Interval> interval = TRY(NextInterval(walk, stop));
  if (interval) TRY(WalkOne(*walk, *interval, stop));
  bool did = interval || completed_;
  return Done{did ? TaskState::kSucceeded : TaskState::kSkipped, reason_};
}

Result<Done> Attempt::Stream(std::stop_token stop) {
  std::unique_ptr<Walk> walk;
  const Trigger& trigger = task_.trigger;
  progress_.Stage("streaming");
  limit_ = trigger.batch;
  limit_.rows = std::min(limit_.rows, kFirstRows);
  for (std::stop_token drain = run_.streams->drain; !drain.stop_requested() && IsOurs();) {
    Time began = run_.Now();
    if (IsPaused()) {
      walk.reset();
      progress_.Note("paused");
      Rest(began + kPausedLook);
      continue;
    }
    std::optional<Interval> interval = TRY(NextInterval(walk, stop));
    if (interval) {
      Deadline deadline(task_.timeout, stop);
      Status walked = WalkOne(*walk, *interval, deadline.token());
      if (walked.code() == Code::kCanceled && deadline.expired() && !stop.stop_requested())
        return TookTooLong(task_);
      TRY(std::move(walked));
      run_.streams->Succeeded(task_.key, walk->Totals());
    }
    TRY(Report(*walk, interval, stop));
    bool full = interval && (walk->counts.rows_in >= limit_.rows / 2 ||
                             walk->counts.bytes_in >= limit_.bytes / 2);
    if (full) Pace(*walk, run_.Now() - began);
    if (interval) walk->Next();
    if (!full) Rest(began + trigger.every);
  }
  if (walk) {
    counts_ = walk->Totals();
    TRY(run_.store.UpdateTask(counts_));
  }
  bool drained = run_.streams->drain.stop_requested();
  return drained ? Done{TaskState::kSucceeded, "it was asked to end"}
                 : Done{TaskState::kPending, "another process goes on with it"};
}

bool Attempt::IsOurs() {
  return !run_.streams->shares || run_.streams->shares->Keeps(task_.key);
}

void Attempt::Rest(Time until) {
  const std::stop_token drain = run_.streams->drain;
  if (!run_.streams->shares) return WaitUntil(until, drain);
  while (run_.Now() < until && !drain.stop_requested() && IsOurs())
    WaitUntil(std::min(until, run_.Now() + Shares::kLook), drain);
}

// After a full interval. What a slow target takes in kBatchTakes is less than what a fast one does.
void Attempt::Pace(Walk& walk, Micros took) {
  auto share = static_cast<double>(kBatchTakes.count()) /
               static_cast<double>(std::max<int64_t>(took.count(), 1));
  auto rows = static_cast<double>(limit_.rows) * std::clamp(share, 0.25, 4.0);
  int64_t most = task_.trigger.batch.rows;
  limit_.rows = std::clamp(static_cast<int64_t>(rows), std::min(kLeastRows, most), most);
  walk.Limit(limit_);
}

bool Attempt::IsPaused() {
  Time now = run_.Now();
  if (now < asked_ + kPausedLook) return paused_;
  asked_ = now;
  Result<std::set<std::string>> paused = run_.store.PausedTasks();
  bool is = paused.ok() ? paused->contains(task_.key) : paused_;
  if (is != paused_) {
    log_.Line(is ? "paused" : "resumed");
    run_.Tell(Event::Kind::kStreamed, task_, is ? "paused" : "resumed");
  }
  return paused_ = is;
}

Status Attempt::Report(Walk& walk, const std::optional<Interval>& interval, std::stop_token stop) {
  Time now = run_.Now();
  pulse_.Beat(interval ? walk.counts.rows_in : 0, interval ? walk.Oldest() : std::nullopt, now);
  if (interval) last_ = interval->commit;
  if (!pulse_.IsDue(now)) return Status::Ok();
  std::vector<Lag> lags;
  if (!last_.id.task.empty()) lags = TRY(walk.Lags(last_, stop));
  Pulse::Reading reading = pulse_.Read(lags, now);
  progress_.Rows(walk.Totals().rows_out);
  progress_.Note(reading.Words());
  auto keep = [&](const std::string& name, double value) {
    return run_.store.AddMetric({run_.record.id, task_.key, name, value});
  };
  TRY(keep("rows_per_second", reading.rows_per_second));
  if (reading.latency_mean) {
    TRY(keep("latency_mean_ms", Millis(*reading.latency_mean)));
    TRY(keep("latency_max_ms", Millis(*reading.latency_max)));
  }
  for (const Lag& lag : lags)
    TRY(keep("behind " + lag.partition, static_cast<double>(lag.behind)));
  bool quiet = reading.rows_per_second == 0 && was_quiet_;
  was_quiet_ = reading.rows_per_second == 0;
  if (quiet) return Status::Ok();
  log_.Line(reading.Words());
  run_.announcer.Tell({.kind = Event::Kind::kStreamed,
                       .run = run_.record.id,
                       .pipeline = run_.record.pipeline,
                       .task = task_.key,
                       .task_state = TaskState::kRunning,
                       .record = walk.Totals(),
                       .message = reading.Words()});
  return Status::Ok();
}

Status Attempt::Complete(const Interval& interval, std::stop_token stop) {
  if (interval.commit.run == run_.record.id) {
    auto walk = TRY(Walk::Begin(run_, task_, run_.record, log_, progress_, stop));
    return Replay(*walk, interval, stop);
  }
  Result<RunRecord> planner = run_.store.GetRun(interval.commit.run);
  if (!planner.ok() && planner.code() != Code::kNotFound) return planner.status();
  RunRecord values = planner.ok() ? *std::move(planner) : run_.record;
  values.id = interval.commit.run;  // stays in the rows, whatever became of its record
  std::optional<Pipeline> pipeline = TRY(PipelineOf(run_, values));
  const Task* then = pipeline ? pipeline->Find(task_.key) : nullptr;
  if (then == nullptr) return Internal("task " + task_.key + " is gone while it runs");
  Task task = *then;
  task.reads = task_.reads;
  task.schema = task_.schema;
  auto walk = TRY(Walk::Begin(run_, task, values, log_, progress_, stop));
  return Replay(*walk, interval, stop);
}

Status Attempt::Replay(Walk& walk, const Interval& interval, std::stop_token stop) {
  Status opened = walk.AllHave(interval.commit.id) ? Status::Ok() : walk.OpenInputs(interval, stop);
  if (opened.code() == Code::kInvalid) {
    if (walk.AnyHas(interval.commit.id)) {
      return {Code::kInvalid,
              "a target has commit " + std::to_string(interval.commit.id.sequence) +
                  " and another does not, and its rows cannot be read again: " + opened.message(),
              "`--full-refresh` reads everything again and replaces it"};
    }
    log_.Line("planned rows cannot be read again, and no target has them: planning anew. " +
              opened.message());
    return run_.store.AbandonCommit(interval.commit.id);
  }
  TRY(std::move(opened));
  Status status = Advance(walk, interval, stop);
  counts_ = walk.Totals();
  outputs_ = walk.left_outside;
  return status;
}

Result<Done> Attempt::RunItsCommand(int attempt, std::stop_token stop) {
  progress_.Stage("running");
  RunValues values = ValuesOf(run_.record);
  TaskCommand command{.folder = run_.pipeline.folder};
  for (const std::string& argument : task_.command)
    command.arguments.push_back(ResolveRun(argument, values));
  command.environment = {{"MILLRACE_PIPELINE", run_.pipeline.name},
                         {"MILLRACE_TASK", task_.key},
                         {"MILLRACE_ATTEMPT", std::to_string(attempt)},
                         {"MILLRACE_RUN_ID", values.id},
                         {"MILLRACE_LOGICAL_DATE", FormatTime(values.logical_date)},
                         {"MILLRACE_DATA_INTERVAL_START", FormatTime(values.interval_start)},
                         {"MILLRACE_DATA_INTERVAL_END", FormatTime(values.interval_end)},
                         {"MILLRACE_PROJECT", run_.context.project.folder},
                         {"MILLRACE_LAKE", run_.context.lake.storage().Uri("")}};
  for (const auto& [name, value] : run_.pipeline.params)
    command.environment["MILLRACE_PARAM_" + name] = value;
  TRY(RunCommand(command, log_, stop));
  return Done{.reason = "it is a command"};
}

}  // namespace millrace
