#include "store/sqlite/layout.h"

namespace millrace::sqlite {

namespace {

// Times are microseconds since 1970, UTC. Order of creation is the rowid's.
constexpr const char* kFirstLayout = R"sql(
CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  pipeline TEXT NOT NULL,
  pipeline_file TEXT NOT NULL,
  state TEXT NOT NULL,
  started INTEGER NOT NULL,
  logical_date INTEGER NOT NULL,
  interval_start INTEGER NOT NULL,
  interval_end INTEGER NOT NULL,
  ended INTEGER,
  force INTEGER NOT NULL,
  full_refresh INTEGER NOT NULL,
  error TEXT NOT NULL,
  process INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_of_pipeline ON runs (pipeline, id);

CREATE TABLE run_params (
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  task TEXT NOT NULL,
  after TEXT NOT NULL,            -- keys, one a line
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  started INTEGER,
  ended INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  hint TEXT NOT NULL DEFAULT '',
  rows_in INTEGER NOT NULL DEFAULT 0,
  rows_out INTEGER NOT NULL DEFAULT 0,
  rows_rejected INTEGER NOT NULL DEFAULT 0,
  bytes_in INTEGER NOT NULL DEFAULT 0,
  bytes_out INTEGER NOT NULL DEFAULT 0,
  UNIQUE (run, task)
) STRICT;

CREATE TABLE attempts (
  run TEXT NOT NULL,
  task TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run, task, attempt),
  FOREIGN KEY (run, task) REFERENCES tasks (run, task) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- No foreign key to runs: a commit outlives the record of its run.
CREATE TABLE commits (
  task TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  run TEXT NOT NULL,
  now INTEGER NOT NULL,
  definition TEXT NOT NULL,
  refresh INTEGER NOT NULL,
  finished INTEGER,               -- when; null: planned
  UNIQUE (task, sequence)
) STRICT;
CREATE INDEX commits_of_run ON commits (run);

-- Of the newest commits of a task only: positions can be large.
CREATE TABLE positions (
  task TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  input TEXT NOT NULL,
  begin_at TEXT,
  end_at TEXT,
  PRIMARY KEY (task, sequence, input),
  FOREIGN KEY (task, sequence) REFERENCES commits (task, sequence) ON DELETE CASCADE
) STRICT;

CREATE TABLE checks (
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  task TEXT NOT NULL,
  name TEXT NOT NULL,
  severity TEXT NOT NULL,
  on_fail TEXT NOT NULL,
  passed INTEGER NOT NULL,
  failed_rows INTEGER NOT NULL,
  detail TEXT NOT NULL,
  UNIQUE (run, task, name)
) STRICT;

CREATE TABLE metrics (
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  task TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (run, task, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE lineage (
  pipeline TEXT NOT NULL,
  task TEXT NOT NULL,
  table_name TEXT NOT NULL,
  written INTEGER NOT NULL,
  PRIMARY KEY (pipeline, task, table_name, written)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
  task TEXT NOT NULL,
  input TEXT NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  run TEXT NOT NULL,
  UNIQUE (task, input, path, run)
) STRICT;
)sql";

constexpr const char* kPausedTasks = R"sql(
CREATE TABLE paused (task TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
)sql";

constexpr const char* kOutputs = R"sql(
CREATE TABLE outputs (
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  task TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  kind TEXT NOT NULL,
  cid TEXT NOT NULL,
  size INTEGER NOT NULL,
  files INTEGER NOT NULL,
  target TEXT NOT NULL,
  location TEXT NOT NULL,
  links TEXT NOT NULL,            -- one a line
  UNIQUE (run, task, sequence, kind, cid, target, location)
) STRICT;
CREATE INDEX outputs_of_task ON outputs (task, sequence);
)sql";

// Layout n becomes layout n + 1 by kSteps[n]; layout 0 is an empty file. Steps are never edited,
// only added.
constexpr const char* kSteps[] = {kFirstLayout, kPausedTasks, kOutputs};
constexpr int64_t kToday = std::size(kSteps);

Result<int64_t> LayoutOf(Database& database) {
  Statement statement = TRY(database.Query("PRAGMA user_version"));
  TRY(statement.Step());
  int64_t layout = statement.Int(0);
  if (layout > kToday) {
    return Invalid("the store has layout " + std::to_string(layout) +
                       ", this Millrace knows up to " + std::to_string(kToday),
                   "use the newer Millrace that made it");
  }
  return layout;
}

}  // namespace

Status UpgradeLayout(Database& database) {
  if (TRY(LayoutOf(database)) == kToday) return Status::Ok();
  Transaction transaction = TRY(Transaction::Begin(database, Durable::kPower));
  int64_t layout = TRY(LayoutOf(database));  // again: another process may have been faster
  for (; layout < kToday; ++layout) TRY(database.Script(kSteps[layout]));
  TRY(database.Script("PRAGMA user_version = " + std::to_string(kToday)));
  return transaction.Commit();
}

Status CheckLayout(Database& database) {
  if (TRY(LayoutOf(database)) == kToday) return Status::Ok();
  return Invalid("the store has an older layout", "any `millrace run` brings it up to date");
}

}  // namespace millrace::sqlite
