#include "base/text.h"
#include "store/sqlite/queries.h"

namespace millrace::sqlite {

namespace {

Result<RunState> ParseRunState(std::string_view text) {
  for (RunState state :
       {RunState::kRunning, RunState::kSucceeded, RunState::kFailed, RunState::kCanceled}) {
    if (Name(state) == text) return state;
  }
  return Internal("the store has a run in state '" + std::string(text) + "'");
}

constexpr const char* kOneRun =
    "SELECT id, pipeline, pipeline_file, state, started, logical_date, interval_start, "
    "interval_end, ended, force, "
    "full_refresh, error, process FROM runs WHERE id = ?";
constexpr const char* kAllRuns =
    "SELECT id, pipeline, pipeline_file, state, started, logical_date, interval_start, "
    "interval_end, ended, force, "
    "full_refresh, error, process FROM runs ORDER BY started DESC, rowid DESC LIMIT ?";
constexpr const char* kRunsOfPipeline =
    "SELECT id, pipeline, pipeline_file, state, started, logical_date, interval_start, "
    "interval_end, ended, force, "
    "full_refresh, error, process FROM runs WHERE pipeline = ? ORDER BY started DESC, rowid DESC "
    "LIMIT ?";

Result<RunRecord> ReadRun(Database& db, const Statement& row) {
  RunRecord run{.id = row.Text(0), .pipeline = row.Text(1), .pipeline_file = row.Text(2)};
  run.state = TRY(ParseRunState(row.Text(3)));
  run.started = row.When(4);
  run.logical_date = row.When(5);
  run.interval_start = row.When(6);
  run.interval_end = row.When(7);
  run.ended = row.MaybeWhen(8);
  run.force = row.Bool(9);
  run.full_refresh = row.Bool(10);
  run.error = row.Text(11);
  run.process = row.Int(12);
  Statement params = TRY(db.Query("SELECT name, value FROM run_params WHERE run = ?", run.id));
  while (TRY(params.Step())) run.params[params.Text(0)] = params.Text(1);
  return run;
}

}  // namespace

Status CreateRun(Database& db, const RunRecord& run, const std::vector<TaskRecord>& tasks) {
  Transaction transaction = TRY(Transaction::Begin(db));
  TRY(
      db.Run("INSERT INTO runs (id, pipeline, pipeline_file, state, started, logical_date, "
             "interval_start, "
             "interval_end, ended, force, full_refresh, error, process) VALUES "
             "(?,?,?,?,?,?,?,?,?,?,?,?,?)",
             run.id, run.pipeline, run.pipeline_file, Name(run.state), run.started,
             run.logical_date, run.interval_start, run.interval_end, run.ended, run.force,
             run.full_refresh, run.error, run.process));
  for (const auto& [name, value] : run.params) {
    TRY(db.Run("INSERT INTO run_params (run, name, value) VALUES (?,?,?)", run.id, name, value));
  }
  for (const TaskRecord& task : tasks) {
    TRY(db.Run("INSERT INTO tasks (run, task, after, state) VALUES (?,?,?,?)", run.id, task.task,
               Join(task.after, "\n"), Name(TaskState::kPending)));
  }
  return transaction.Commit();
}

Result<RunRecord> GetRun(Database& db, const RunId& id) {
  Statement row = TRY(db.Query(kOneRun, id));
  if (!TRY(row.Step())) return NotFound("there is no run " + id, "`millrace runs` lists them");
  return ReadRun(db, row);
}

Result<std::vector<RunRecord>> Runs(Database& db, std::string_view pipeline, int limit) {
  Statement row = TRY(pipeline.empty() ? db.Query(kAllRuns, limit)
                                       : db.Query(kRunsOfPipeline, pipeline, limit));
  std::vector<RunRecord> runs;
  while (TRY(row.Step())) runs.push_back(TRY(ReadRun(db, row)));
  return runs;
}

Status MoveRun(Database& db, const RunId& id, RunState from, RunState to, Time now,
               std::string_view error) {
  bool final = to != RunState::kRunning;
  Transaction transaction =
      TRY(Transaction::Begin(db, final ? Durable::kPower : Durable::kProcess));
  int64_t moved =
      TRY(db.Run("UPDATE runs SET state = ?, ended = ?, error = ? WHERE id = ? AND state = ?",
                 Name(to), final ? std::optional(now) : std::nullopt, error, id, Name(from)));
  if (moved == 0) {
    RunRecord run = TRY(GetRun(db, id));
    return {Code::kConflict, "run " + id + " is " + std::string(Name(run.state)) + ", not " +
                                 std::string(Name(from))};
  }
  return transaction.Commit();
}

}  // namespace millrace::sqlite
