#include "base/text.h"
#include "store/sqlite/queries.h"

namespace millrace::sqlite {

namespace {

Result<TaskState> ParseTaskState(std::string_view text) {
  for (TaskState state :
       {TaskState::kPending, TaskState::kRunning, TaskState::kSucceeded, TaskState::kSkipped,
        TaskState::kFailed, TaskState::kUpstreamFailed, TaskState::kCanceled}) {
    if (Name(state) == text) return state;
  }
  return Internal("the store has a task in state '" + std::string(text) + "'");
}

Status NotInState(Database& db, const RunId& run, std::string_view task, TaskState from) {
  Statement row = TRY(db.Query("SELECT state FROM tasks WHERE run = ? AND task = ?", run, task));
  if (!TRY(row.Step())) return NotFound("run " + run + " has no task " + std::string(task));
  return {Code::kConflict,
          "task " + std::string(task) + " is " + row.Text(0) + ", not " + std::string(Name(from))};
}

}  // namespace

Result<std::vector<TaskRecord>> Tasks(Database& db, const RunId& run) {
  Statement row =
      TRY(db.Query("SELECT task, after, state, attempt, started, ended, reason, hint, rows_in, "
                   "rows_out, rows_rejected, bytes_in, "
                   "bytes_out FROM tasks WHERE run = ? ORDER BY rowid",
                   run));
  std::vector<TaskRecord> tasks;
  while (TRY(row.Step())) {
    TaskRecord task{.run = run, .task = row.Text(0)};
    if (std::string after = row.Text(1); !after.empty()) task.after = Split(after, '\n');
    task.state = TRY(ParseTaskState(row.Text(2)));
    task.attempt = static_cast<int>(row.Int(3));
    task.started = row.MaybeWhen(4);
    task.ended = row.MaybeWhen(5);
    task.reason = row.Text(6);
    task.hint = row.Text(7);
    task.rows_in = row.Int(8);
    task.rows_out = row.Int(9);
    task.rows_rejected = row.Int(10);
    task.bytes_in = row.Int(11);
    task.bytes_out = row.Int(12);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

Status MoveTask(Database& db, const RunId& run, std::string_view task, TaskState from, TaskState to,
                Time now, std::string_view reason, std::string_view hint) {
  Transaction transaction = TRY(Transaction::Begin(db));
  bool begins = to == TaskState::kRunning, ends = IsFinal(to);
  int64_t moved = TRY(
      db.Run("UPDATE tasks SET state = ?1, reason = ?2, hint = ?3, attempt = attempt + ?4, "
             "started = CASE WHEN ?4 THEN ?5 ELSE started END, ended = CASE WHEN ?6 THEN ?5 END "
             "WHERE run = ?7 AND task = ?8 AND state = ?9",
             Name(to), reason, hint, begins, now, ends, run, task, Name(from)));
  if (moved == 0) return NotInState(db, run, task, from);
  if (begins) {
    TRY(
        db.Run("INSERT INTO attempts (run, task, attempt, started) "
               "SELECT run, task, attempt, started FROM tasks WHERE run = ? AND task = ?",
               run, task));
  } else if (from == TaskState::kRunning) {
    std::string_view error = to == TaskState::kSucceeded || to == TaskState::kSkipped ? "" : reason;
    TRY(db.Run(
        "UPDATE attempts SET ended = ?1, error = ?2 WHERE run = ?3 AND task = ?4 AND attempt = "
        "(SELECT attempt FROM tasks WHERE run = ?3 AND task = ?4)",
        now, error, run, task));
  }
  return transaction.Commit();
}

Status UpdateTask(Database& db, const TaskRecord& counts) {
  Transaction transaction = TRY(Transaction::Begin(db));
  TRY(db.Run(
      "UPDATE tasks SET rows_in = ?, rows_out = ?, rows_rejected = ?, bytes_in = ?, bytes_out = ? "
      "WHERE run = ? AND task = ?",
      counts.rows_in, counts.rows_out, counts.rows_rejected, counts.bytes_in, counts.bytes_out,
      counts.run, counts.task));
  return transaction.Commit();
}

Result<std::vector<AttemptRecord>> Attempts(Database& db, const RunId& run, std::string_view task) {
  Statement row =
      TRY(db.Query("SELECT attempt, started, ended, error FROM attempts WHERE run = ? AND task = ? "
                   "ORDER BY attempt",
                   run, task));
  std::vector<AttemptRecord> attempts;
  while (TRY(row.Step())) {
    attempts.push_back({.run = run,
                        .task = std::string(task),
                        .attempt = static_cast<int>(row.Int(0)),
                        .started = row.When(1),
                        .ended = row.MaybeWhen(2),
                        .error = row.Text(3)});
  }
  return attempts;
}

}  // namespace millrace::sqlite
