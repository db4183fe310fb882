#include "run/runner.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "base/hash.h"
#include "base/text.h"
#include "run/plan.h"
#include "run/run_task.h"
#include "run/upkeep.h"

namespace millrace {

namespace {

constexpr int kRunsLookedAt =
    100;  // for dead ones, newest first: each run of a pipeline buries those before it

RunId MakeRunId(Time now) {
  std::string id;
  for (char c : FormatTime(now).substr(0, 19)) {
    if (c != '-' && c != ':') id += c;
  }
  return id + "-" + NewUuid().substr(0, 6);
}

RunRecord RecordOf(const std::string& file, const RunOptions& options, Time now) {
  RunRecord record{.id = MakeRunId(now),
                   .pipeline_file = std::filesystem::absolute(file).lexically_normal().string()};
  record.started = now;
  record.logical_date = record.interval_start = record.interval_end =
      options.logical_date.value_or(now);
  record.params = options.params;
  record.force = options.force;
  record.full_refresh = options.full_refresh;
  record.tries_rejects = options.rejects;
  record.process = ::getpid();
  if (options.repeats) {
    record.id = options.repeats->run;
    record.logical_date = options.repeats->logical_date;
    record.interval_start = options.repeats->interval_start;
    record.interval_end = options.repeats->interval_end;
  }
  return record;
}

// Nobody is at work on the run any more: no task of it may look as if.
Status CloseTasks(Store& store, const RunId& run, Time now, const std::string& why) {
  for (const TaskRecord& task : TRY(store.Tasks(run))) {
    if (IsFinal(task.state)) continue;
    std::string reason = task.state == TaskState::kRunning ? why : "not begun";
    TRY(store.MoveTask(run, task.task, task.state, TaskState::kCanceled, now, reason));
  }
  return Status::Ok();
}

// A run whose process died. Only for whoever holds the pipeline's lock: nobody else can be at work
// on it.
Status Bury(Store& store, const RunRecord& run, Time now) {
  TRY(CloseTasks(store, run.id, now, "its process ended"));
  return store.MoveRun(run.id, RunState::kRunning, RunState::kFailed, now,
                       "process " + std::to_string(run.process) + " ended without finishing it");
}

std::vector<LineageRecord> LineageOf(const Pipeline& pipeline) {
  std::vector<LineageRecord> records;
  for (const Task& task : pipeline.tasks) {
    for (const std::string& table : task.reads)
      records.push_back({pipeline.name, task.key, table, false});
    for (const std::string& table : task.writes)
      records.push_back({pipeline.name, task.key, table, true});
  }
  return records;
}

}  // namespace

std::string StateFolder(const Project& project) { return project.Absolute(".millrace"); }

RunValues ValuesOf(const RunRecord& record) {
  return {record.id, record.logical_date, record.interval_start, record.interval_end};
}

Runner::Runner(RunContext context) : state_(std::make_unique<State>(context)) {}
Runner::~Runner() = default;

std::vector<TaskProgress> Runner::Progress() const { return state_->board.Look(); }

RunRecord Runner::State::Describe(const std::string& file, const RunOptions& options) const {
  return RecordOf(file, options, Now());
}

Status Runner::State::BuryDead(const std::string& pipeline, Membership* membership) {
  std::vector<RunRecord> runs = TRY(store->Runs(pipeline, kRunsLookedAt));
  std::set<int64_t> living;  // asked for after the runs: whoever has one is a member by then
  if (membership != nullptr) {
    for (const auto& member : TRY(membership->Members())) living.insert(member.process);
  }
  for (const RunRecord& run : runs) {
    if (run.state != RunState::kRunning || living.contains(run.process)) continue;
    Status buried = Bury(*store, run, Now());
    bool ended_itself = membership != nullptr && buried.code() == Code::kConflict;
    if (!ended_itself) TRY(std::move(buried));
  }
  return Status::Ok();
}

Status Runner::State::Create(const RunRecord& record, const Pipeline& pipeline,
                             const std::vector<GraphTask>& graph) {
  TRY(store->CreateRun(record, RecordsOf(record.id, graph)));
  return store->SetLineage(pipeline.name, LineageOf(pipeline));
}

Result<Pipeline> Runner::State::Load(const std::string& file, RunRecord& record) {
  Diagnostics diagnostics;
  auto pipeline = LoadPipeline(context.project, file, context.registry, record.params,
                               ValuesOf(record), diagnostics);
  if (pipeline && !diagnostics.HasErrors()) {
    ConnectContext connect{
        context.env, context.lake, pipeline->folder, StateFolder(context.project), "", ""};
    CheckContext check{context.engine, connect, StateFolder(context.project) + "/schemas.json"};
    CheckPipelines({&*pipeline}, check, diagnostics);
  }
  TRY(diagnostics.ToStatus());
  for (const Diagnostic& diagnostic : diagnostics.Sorted()) {
    announcer.Tell(
        {.kind = Event::Kind::kWarning, .run = record.id, .message = FormatDiagnostic(diagnostic)});
  }
  if (!pipeline) return Internal("no pipeline and no error in " + file);
  record.pipeline = pipeline->name;
  // A resumed run has the values as they were understood.
  for (auto& [name, value] : record.params) {
    auto read = pipeline->params.find(name);
    if (read != pipeline->params.end()) value = read->second;
  }
  return *std::move(pipeline);
}

Result<std::vector<TaskPlan>> Runner::Plan(const std::string& file, const RunOptions& options,
                                           std::stop_token stop) {
  RunRecord record = state_->Describe(file, options);
  Pipeline pipeline = TRY(state_->Load(file, record));
  std::vector<GraphTask> graph = TRY(ChooseTasks(pipeline, options.tasks));
  RunScope run{state_->context, *state_->store, state_->announcer, state_->board, pipeline, record,
               /*planning=*/true};
  return PlanTasks(run, graph, stop);
}

Result<Runner::Outcome> Runner::Run(const std::string& file, const RunOptions& options,
                                    std::stop_token stop) {
  RunRecord record = state_->Describe(file, options);
  Pipeline pipeline = TRY(state_->Load(file, record));
  std::vector<GraphTask> graph = TRY(ChooseTasks(pipeline, options.tasks));
  if (record.full_refresh) TRY(CheckRefreshable(pipeline, graph));
  if (options.repeats) state_->present = options.repeats->now;

  auto lock = TRY(state_->store->LockPipeline(pipeline.name));
  TRY(state_->BuryDead(pipeline.name));
  TRY(state_->Create(record, pipeline, graph));
  return state_->Work(record, pipeline, std::move(graph), options.parallel, stop);
}

Result<Runner::Outcome> Runner::Resume(const RunId& id, std::stop_token stop) {
  Store& store = *state_->store;
  RunRecord record = TRY(store.GetRun(id));
  auto lock = TRY(store.LockPipeline(record.pipeline));
  record = TRY(store.GetRun(id));
  if (record.state == RunState::kRunning) TRY(Bury(store, record, state_->Now()));
  record = TRY(store.GetRun(id));
  if (record.state == RunState::kSucceeded) {
    return Invalid("run " + id + " succeeded: there is nothing to resume",
                   "`millrace run` starts another one");
  }
  Pipeline pipeline = TRY(state_->Load(record.pipeline_file, record));
  std::vector<GraphTask> graph = TRY(GraphOf(pipeline, TRY(store.Tasks(id))));

  TRY(store.MoveRun(id, record.state, RunState::kRunning, state_->Now(), ""));
  for (GraphTask& task : graph) {
    if (task.state == TaskState::kSucceeded || task.state == TaskState::kSkipped) continue;
    if (task.state != TaskState::kPending) {
      TRY(store.MoveTask(id, task.task->key, task.state, TaskState::kPending, state_->Now()));
    }
    task.state = TaskState::kPending;
  }
  return state_->Work(record, pipeline, std::move(graph), 0, stop);
}

Runner::Outcome Runner::State::Work(const RunRecord& record, const Pipeline& pipeline,
                                    std::vector<GraphTask> graph, int parallel,
                                    std::stop_token stop, StreamControl* streams) {
  RunScope run{context,  *store, announcer,          board,
               pipeline, record, /*planning=*/false, record.tries_rejects,
               streams,  &present};
  announcer.Tell({.kind = Event::Kind::kRunStarted, .run = record.id, .pipeline = pipeline.name});
  std::vector<GraphNode> nodes;
  for (const GraphTask& task : graph) nodes.push_back({task.upstream, task.state});
  if (parallel == 0) parallel = context.project.parallel;
  if (parallel == 0) parallel = static_cast<int>(std::thread::hardware_concurrency());

  std::mutex mutex;  // over the two below
  Status first_failure;
  std::vector<int> attempts(graph.size());
  auto go = [&](size_t index, std::stop_token stop) {
    const Task& task = *graph[index].task;
    int attempt = [&] {
      std::lock_guard lock(mutex);
      return ++attempts[index];
    }();
    // A stop of streams only asks them to end with the batch at hand.
    TaskEnd end = RunTask(run, task, attempt, streams ? streams->stop : stop);
    std::lock_guard lock(mutex);
    if (end.verdict.state == TaskState::kFailed && first_failure.ok())
      first_failure = end.failure.In(task.key);
    return end.verdict;
  };
  auto leave = [&](size_t index, TaskState state) {
    const Task& task = *graph[index].task;
    if (streams && streams->only_drains()) {
      Status left = LeaveStream(run, task, "it was asked to end").failure;
      if (!left.ok()) run.Tell(Event::Kind::kWarning, task, left.message(), left.hint());
      return;
    }
    std::string reason =
        state == TaskState::kCanceled ? "the run was stopped" : "a task it waits for failed";
    Status left = store->MoveTask(record.id, task.key, TaskState::kPending, state, Now(), reason);
    if (!left.ok()) run.Tell(Event::Kind::kWarning, task, left.message(), left.hint());
    announcer.Tell({.kind = Event::Kind::kTaskEnded,
                    .run = record.id,
                    .pipeline = pipeline.name,
                    .task = task.key,
                    .task_state = state,
                    .message = reason});
  };
  Schedule schedule(std::move(nodes), parallel);
  schedule.Run(go, leave, stop);
  return End(run, schedule.nodes(), first_failure, streams ? streams->stop : stop);
}

Runner::Outcome Runner::State::End(RunScope& run, const std::vector<GraphNode>& nodes,
                                   Status failure, std::stop_token stop) {
  // A stream that is drained between two tries, or before the first, has nothing at hand.
  bool drains = run.streams && run.streams->only_drains();
  bool all_done = std::all_of(nodes.begin(), nodes.end(), [&](const GraphNode& node) {
    return node.state == TaskState::kSucceeded || node.state == TaskState::kSkipped ||
           (drains && node.state == TaskState::kCanceled);
  });
  Outcome outcome{.run = run.record.id};
  if (!all_done) {
    outcome.state = stop.stop_requested() ? RunState::kCanceled : RunState::kFailed;
    outcome.status = stop.stop_requested() ? Canceled() : failure;
    if (outcome.status.ok()) outcome.status = Internal("run " + run.record.id + " did not finish");
  }
  bool shared = run.streams != nullptr && run.streams->shares;  // the one that leads sees to it
  if (all_done && !shared) KeepUp(run, stop);
  std::string error = outcome.status.ok() ? "" : outcome.status.message();
  // Where the store failed while a task was moved, it may stand in it as running.
  if (!all_done) (void)CloseTasks(*store, run.record.id, Now(), "its state could not be recorded");
  Status told = store->MoveRun(run.record.id, RunState::kRunning, outcome.state, Now(), error);
  if (!told.ok() && outcome.status.ok()) outcome = {run.record.id, RunState::kFailed, told};
  announcer.Tell({.kind = Event::Kind::kRunEnded,
                  .run = run.record.id,
                  .pipeline = run.record.pipeline,
                  .run_state = outcome.state,
                  .message = error,
                  .hint = outcome.status.hint(),
                  .resumable = run.streams == nullptr,
                  .duration = Now() - run.record.started});
  return outcome;
}

}  // namespace millrace
