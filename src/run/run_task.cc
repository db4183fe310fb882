#include "run/run_task.h"

#include "run/command.h"
#include "run/deadline.h"
#include "run/retry.h"
#include "run/walk.h"

namespace millrace {

namespace {

// How an attempt ended well.
struct Done {
  TaskState state = TaskState::kSucceeded;
  std::string reason;
};

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

class Attempt {
 public:
  Attempt(RunScope& run, const Task& task, TaskLog& log)
      : run_(run), task_(task), log_(log), progress_(run.board, task.key) {}

  Result<Done> WalkOn(std::stop_token stop);
  Result<Done> RunItsCommand(int attempt, std::stop_token stop);
  const TaskRecord& counts() const { return counts_; }

 private:
  Status Complete(const Interval& interval, std::stop_token stop);
  Status Replay(Walk& walk, const Interval& interval, std::stop_token stop);
  Status Walked(const Walk& walk, Status status) {
    counts_ = walk.counts;
    return status;
  }

  RunScope& run_;
  const Task& task_;
  TaskLog& log_;
  ProgressBoard::Line progress_;
  TaskRecord counts_;
};

// One interval a turn: first what a killed run left, then what is new.
Result<Done> Attempt::WalkOn(std::stop_token stop) {
  Done done{.state = TaskState::kSkipped};
  Wishes wishes{.force = run_.record.force, .full_refresh = run_.record.full_refresh};
  for (;;) {
    auto walk = TRY(Walk::Begin(run_, task_, run_.record, log_, progress_, stop));
    Decision decision = TRY(Decide(*walk, wishes, stop));
    const Interval& interval = decision.interval;
    if (!decision.warning.empty()) {
      log_.Line("warning: " + decision.warning);
      run_.Tell(Event::Kind::kWarning, task_, decision.warning);
    }
    if (done.reason.empty()) done.reason = decision.reason;
    log_.Line(decision.reason);
    switch (decision.kind) {
      case Decision::Kind::kSkip:
        // Once more: the process that committed may have ended just before it told the inputs.
        TRY(walk->Acknowledge(interval));
        return done;
      case Decision::Kind::kAbandon: TRY(run_.store.AbandonCommit(interval.commit.id)); continue;
      case Decision::Kind::kSupersede:
        TRY(run_.store.FinishCommit(interval.commit.id, run_.Now()));
        continue;
      case Decision::Kind::kAdopt: TRY(run_.store.AdoptCommit(interval.commit)); continue;
      case Decision::Kind::kComplete:
        walk.reset();
        TRY(Complete(interval, stop));
        done.state = TaskState::kSucceeded;
        continue;
      case Decision::Kind::kRun:
        TRY(walk->OpenInputs(interval, stop));
        TRY(Walked(*walk, Advance(*walk, interval, stop)));
        done.state = TaskState::kSucceeded;
        return done;
    }
  }
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
  return Walked(walk, Advance(walk, interval, stop));
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

// What became of the attempt, as the store and the scheduler are told.
TaskEnd Judge(const Task& task, int attempt, const Result<Done>& done) {
  if (done.ok()) return {.verdict = {done->state}};
  if (done.code() == Code::kCanceled) return {{TaskState::kCanceled}, done.status()};
  if (std::optional<Micros> delay = RetryAfter(task, attempt, done.status())) {
    return {{TaskState::kPending, *delay}, done.status()};
  }
  return {{TaskState::kFailed}, done.status()};
}

}  // namespace

TaskEnd RunTask(RunScope& run, const Task& task, int attempt, std::stop_token stop) {
  Time began = run.Now();
  const auto& secrets = run.context.project.values.secrets;
  TaskLog log(run.context.env.clock, TaskLogPath(run.context.project, run.record.id, task.key),
              kMaxTaskLogBytes, &secrets);
  log.Line("attempt " + std::to_string(attempt));
  Status started =
      run.store.MoveTask(run.record.id, task.key, TaskState::kPending, TaskState::kRunning, began);
  if (!started.ok()) return {{TaskState::kFailed}, started};
  Event event{.kind = Event::Kind::kTaskStarted,
              .run = run.record.id,
              .pipeline = run.record.pipeline,
              .task = task.key,
              .task_state = TaskState::kRunning,
              .attempt = attempt};
  run.announcer.Tell(event);

  Deadline deadline(task.timeout, stop);
  Attempt tried(run, task, log);
  Result<Done> done = task.command.empty() ? tried.WalkOn(deadline.token())
                                           : tried.RunItsCommand(attempt, deadline.token());
  if (done.code() == Code::kCanceled && deadline.expired() && !stop.stop_requested()) {
    done = Status(Code::kUnavailable, "it took longer than " + FormatDuration(*task.timeout),
                  "raise its `timeout`");
  }

  if (!done.ok()) {  // an engine's or a program's words may quote what it was given
    done = Status(done.code(), Masked(done.status().message(), secrets),
                  Masked(done.status().hint(), secrets));
  }

  TaskEnd end = Judge(task, attempt, done);
  std::string reason = done.ok() ? done->reason : done.status().message();
  log.Line(std::string(Name(end.verdict.state)) + ": " +
           (done.ok() ? reason : done.status().ToString()));
  Status told = run.store.MoveTask(run.record.id, task.key, TaskState::kRunning, end.verdict.state,
                                   run.Now(), reason, done.status().hint());
  if (!told.ok()) end = {{TaskState::kFailed}, end.failure.ok() ? told : end.failure};

  event.kind =
      end.verdict.state == TaskState::kPending ? Event::Kind::kTaskRetry : Event::Kind::kTaskEnded;
  event.task_state = end.verdict.state;
  event.record = tried.counts();
  event.message = reason;
  event.hint = done.status().hint();
  event.duration =
      event.kind == Event::Kind::kTaskRetry ? end.verdict.again_after : run.Now() - began;
  run.announcer.Tell(event);
  return end;
}

}  // namespace millrace
