#include "run/run_task.h"

#include "run/attempt.h"
#include "run/deadline.h"
#include "run/retry.h"

namespace millrace {

namespace {

constexpr Micros kLocksAgain = std::chrono::seconds(10);  // where a lock cannot even be tried

// What became of the attempt, as the store and the scheduler are told.
TaskEnd Judge(std::optional<Micros> again_after, const Result<Done>& done) {
  if (done.ok()) return {.verdict = {done->state}};  // kPending: at once, when it comes to it
  if (done.code() == Code::kCanceled) return {{TaskState::kCanceled}, done.status()};
  if (again_after) return {{TaskState::kPending, *again_after}, done.status()};
  return {{TaskState::kFailed}, done.status()};
}

TaskEnd Try(RunScope& run, const Task& task, int attempt, std::stop_token stop) {
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

  bool streams = run.streams != nullptr && task.trigger.continuous;
  Deadline deadline(streams ? std::nullopt : task.timeout, stop);
  Attempt tried(run, task, log);
  Result<Done> done = streams                ? tried.Stream(stop)
                      : task.command.empty() ? tried.WalkOn(deadline.token())
                                             : tried.RunItsCommand(attempt, deadline.token());
  if (done.code() == Code::kCanceled && deadline.expired() && !stop.stop_requested()) {
    done = TookTooLong(task);
  }

  if (!done.ok()) {  // an engine's or a program's words may quote what it was given
    done = Status(done.code(), Masked(done.status().message(), secrets),
                  Masked(done.status().hint(), secrets));
  }

  std::optional<Micros> again_after;
  if (!done.ok()) {
    again_after = streams ? AgainAfter(task, run.streams->AnotherFailure(task.key), done.status())
                          : RetryAfter(task, attempt, done.status());
  }
  TaskEnd end = Judge(again_after, done);
  std::string reason = done.ok() ? done->reason : done.status().message();
  log.Line(std::string(Name(end.verdict.state)) + ": " +
           (done.ok() ? reason : done.status().ToString()));
  Status told = run.store.MoveTask(run.record.id, task.key, TaskState::kRunning, end.verdict.state,
                                   run.Now(), reason, done.status().hint());
  if (!told.ok()) end = {{TaskState::kFailed}, end.failure.ok() ? told : end.failure};

  event.kind = end.verdict.state != TaskState::kPending ? Event::Kind::kTaskEnded
               : done.ok()                              ? Event::Kind::kStreamed
                                                        : Event::Kind::kTaskRetry;
  event.task_state = end.verdict.state;
  event.record = tried.counts();
  event.outputs = tried.outputs();
  event.message = reason;
  event.hint = done.status().hint();
  event.duration =
      event.kind == Event::Kind::kTaskRetry ? end.verdict.again_after : run.Now() - began;
  run.announcer.Tell(event);
  return end;
}

}  // namespace

TaskEnd LeaveStream(RunScope& run, const Task& task, const std::string& reason) {
  bool worked = run.streams->Worked(task.key);
  TaskEnd end{.verdict = {worked ? TaskState::kSucceeded : TaskState::kSkipped}};
  Status told = run.store.MoveTask(run.record.id, task.key, TaskState::kPending,
                                   end.verdict.state, run.Now(), reason);
  if (!told.ok()) end = {{TaskState::kFailed}, told};
  run.announcer.Tell({.kind = Event::Kind::kTaskEnded,
                      .run = run.record.id,
                      .pipeline = run.record.pipeline,
                      .task = task.key,
                      .task_state = end.verdict.state,
                      .record = run.streams->Totals(task.key),
                      .message = reason});
  return end;
}

TaskEnd RunTask(RunScope& run, const Task& task, int attempt, std::stop_token stop) {
  if (run.streams == nullptr || !run.streams->shares) return Try(run, task, attempt, stop);
  while (true) {
    auto turn = run.streams->shares->Wait(task.key, run.streams->drain);
    if (!turn.ok()) {
      run.Tell(Event::Kind::kWarning, task, turn.status().message(), turn.status().hint());
      return {{TaskState::kPending, kLocksAgain}, turn.status()};
    }
    if (!*turn) return LeaveStream(run, task, "other processes work on it");
    TaskEnd end = Try(run, task, attempt++, stop);
    bool given_up = end.verdict.state == TaskState::kPending && end.failure.ok();
    if (!given_up) return end;
  }
}

}  // namespace millrace
