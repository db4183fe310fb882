#include <set>

#include "store/sqlite/queries.h"

namespace millrace::sqlite {

namespace {


std::string Title(const CommitId& id) {
  return "commit " + std::to_string(id.sequence) + " of " + id.task;
}

// The newest sequence number, or 0; and whether it is finished.
struct Newest {
  int64_t sequence = 0;
  bool finished = true;
};
Result<Newest> NewestOf(Database& db, std::string_view task) {
  Statement row =
      TRY(db.Query("SELECT sequence, finished IS NOT NULL FROM commits WHERE task = ? ORDER BY "
                   "sequence DESC LIMIT 1",
                   task));
  if (!TRY(row.Step())) return Newest();
  return Newest{row.Int(0), row.Bool(1)};
}

Status Insert(Database& db, const CommitRecord& commit, std::optional<Time> finished) {
  TRY(
      db.Run("INSERT INTO commits (task, sequence, run, now, definition, refresh, finished) VALUES "
             "(?,?,?,?,?,?,?)",
             commit.id.task, commit.id.sequence, commit.run, commit.now, commit.definition,
             commit.refresh, finished));
  std::set<std::string> inputs;
  for (const auto& [input, position] : commit.begin) inputs.insert(input);
  for (const auto& [input, position] : commit.end) inputs.insert(input);
  auto token = [](const std::map<std::string, Position>& positions, const std::string& input) {
    auto found = positions.find(input);
    return found == positions.end() ? std::nullopt : std::optional(found->second.token);
  };
  for (const std::string& input : inputs) {
    TRY(db.Run("INSERT INTO positions (task, sequence, input, begin_at, end_at) VALUES (?,?,?,?,?)",
               commit.id.task, commit.id.sequence, input, token(commit.begin, input),
               token(commit.end, input)));
  }
  return Status::Ok();
}

Status ForgetPositionsBefore(Database& db, const CommitId& id) {
  TRY(db.Run("DELETE FROM positions WHERE task = ? AND sequence < ?", id.task, id.sequence));
  return Status::Ok();
}

Status ReadPositions(Database& db, CommitRecord& commit) {
  Statement row =
      TRY(db.Query("SELECT input, begin_at, end_at FROM positions WHERE task = ? AND sequence = ?",
                   commit.id.task, commit.id.sequence));
  while (TRY(row.Step())) {
    if (!row.IsNull(1)) commit.begin[row.Text(0)] = Position{row.Text(1)};
    if (!row.IsNull(2)) commit.end[row.Text(0)] = Position{row.Text(2)};
  }
  return Status::Ok();
}

CommitRecord ReadCommit(const Statement& row) {
  return {.id = {row.Text(0), row.Int(1)},
          .run = row.Text(2),
          .now = row.When(3),
          .definition = row.Text(4),
          .refresh = row.Bool(5),
          .finished = row.Bool(6)};
}

}  // namespace

Status PlanCommit(Database& db, const CommitRecord& commit) {
  Transaction transaction = TRY(Transaction::Begin(db, Durable::kPower));
  Newest newest = TRY(NewestOf(db, commit.id.task));
  if (!newest.finished || newest.sequence + 1 != commit.id.sequence) {
    return {Code::kConflict, Title(commit.id) + " does not follow commit " +
                                 std::to_string(newest.sequence) +
                                 (newest.finished ? "" : ", which is not finished")};
  }
  TRY(Insert(db, commit, std::nullopt));
  return transaction.Commit();
}

Status FinishCommit(Database& db, const CommitId& id, Time now) {
  Transaction transaction = TRY(Transaction::Begin(db));
  int64_t known = TRY(
      db.Run("UPDATE commits SET finished = coalesce(finished, ?) WHERE task = ? AND sequence = ?",
             now, id.task, id.sequence));
  if (known == 0) return NotFound(Title(id) + " was not planned");
  TRY(ForgetPositionsBefore(db, id));
  TRY(db.Run("DELETE FROM commits WHERE task = ? AND sequence <= ?", id.task,
             id.sequence - kKeptCommits));
  return transaction.Commit();
}

Status AbandonCommit(Database& db, const CommitId& id) {
  Transaction transaction = TRY(Transaction::Begin(db));
  Newest newest = TRY(NewestOf(db, id.task));
  if (newest.finished || newest.sequence != id.sequence) {
    return {Code::kConflict, Title(id) + " is not the newest unfinished one"};
  }
  TRY(db.Run("DELETE FROM commits WHERE task = ? AND sequence = ?", id.task, id.sequence));
  return transaction.Commit();
}

Status AdoptCommit(Database& db, const CommitRecord& commit) {
  Transaction transaction = TRY(Transaction::Begin(db, Durable::kPower));
  Newest newest = TRY(NewestOf(db, commit.id.task));
  if (!newest.finished || newest.sequence >= commit.id.sequence) {
    return {Code::kConflict,
            Title(commit.id) + " is not newer than commit " + std::to_string(newest.sequence)};
  }
  TRY(Insert(db, commit, commit.now));
  TRY(ForgetPositionsBefore(db, commit.id));
  return transaction.Commit();
}

Result<std::optional<CommitRecord>> LastCommit(Database& db, std::string_view task) {
  Statement row =
      TRY(db.Query("SELECT task, sequence, run, now, definition, refresh, finished IS NOT NULL "
                   "FROM commits WHERE task = ? "
                   "ORDER BY sequence DESC LIMIT 1",
                   task));
  if (!TRY(row.Step())) return std::optional<CommitRecord>();
  CommitRecord commit = ReadCommit(row);
  TRY(ReadPositions(db, commit));
  return std::optional(std::move(commit));
}

Result<std::vector<CommitRecord>> Commits(Database& db, const RunId& run) {
  Statement row =
      TRY(db.Query("SELECT task, sequence, run, now, definition, refresh, finished IS NOT NULL "
                   "FROM commits WHERE run = ? "
                   "ORDER BY rowid",
                   run));
  std::vector<CommitRecord> commits;
  while (TRY(row.Step())) {
    commits.push_back(ReadCommit(row));
    TRY(ReadPositions(db, commits.back()));
  }
  return commits;
}

}  // namespace millrace::sqlite
