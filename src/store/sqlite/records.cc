#include "store/sqlite/queries.h"

namespace millrace::sqlite {

Status AddCheck(Database& db, const CheckRecord& check) {
  Transaction transaction = TRY(Transaction::Begin(db));
  TRY(db.Run(
      "INSERT INTO checks (run, task, name, severity, on_fail, passed, failed_rows, detail) "
      "VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET severity = excluded.severity, "
      "on_fail = excluded.on_fail, passed = excluded.passed, failed_rows = excluded.failed_rows, "
      "detail = excluded.detail",
      check.run, check.task, check.check, check.severity, check.on_fail, check.passed,
      check.failed_rows, check.detail));
  return transaction.Commit();
}

Result<std::vector<CheckRecord>> Checks(Database& db, const RunId& run) {
  Statement row =
      TRY(db.Query("SELECT task, name, severity, on_fail, passed, failed_rows, detail FROM checks "
                   "WHERE run = ? ORDER BY rowid",
                   run));
  std::vector<CheckRecord> checks;
  while (TRY(row.Step())) {
    checks.push_back({.run = run,
                      .task = row.Text(0),
                      .check = row.Text(1),
                      .severity = row.Text(2),
                      .on_fail = row.Text(3),
                      .passed = row.Bool(4),
                      .failed_rows = row.Int(5),
                      .detail = row.Text(6)});
  }
  return checks;
}

Status AddMetric(Database& db, const MetricRecord& metric) {
  Transaction transaction = TRY(Transaction::Begin(db));
  TRY(
      db.Run("INSERT INTO metrics (run, task, name, value) VALUES (?,?,?,?) "
             "ON CONFLICT DO UPDATE SET value = excluded.value",
             metric.run, metric.task, metric.name, metric.value));
  return transaction.Commit();
}

Result<std::vector<MetricRecord>> Metrics(Database& db, const RunId& run) {
  Statement row =
      TRY(db.Query("SELECT task, name, value FROM metrics WHERE run = ? ORDER BY task, name", run));
  std::vector<MetricRecord> metrics;
  while (TRY(row.Step())) {
    metrics.push_back(
        {.run = run, .task = row.Text(0), .name = row.Text(1), .value = row.Double(2)});
  }
  return metrics;
}

Status AddOutputs(Database& db, const std::vector<OutputRecord>& outputs) {
  if (outputs.empty()) return Status::Ok();
  Transaction transaction = TRY(Transaction::Begin(db));
  for (const OutputRecord& output : outputs) {
    TRY(db.Run(
        "INSERT INTO outputs (run, task, sequence, kind, cid, size, files, target, location, "
        "links) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET size = excluded.size, "
        "files = excluded.files, links = excluded.links",
        output.run, output.task, output.sequence, output.kind, output.cid, output.size,
        output.files, output.target, output.location, output.links));
    TRY(db.Run("DELETE FROM outputs WHERE task = ? AND sequence <= ?", output.task,
               output.sequence - kKeptCommits));
  }
  return transaction.Commit();
}

Result<std::vector<OutputRecord>> Outputs(Database& db, const RunId& run) {
  Statement row =
      TRY(db.Query("SELECT task, sequence, kind, cid, size, files, target, location, links FROM "
                   "outputs WHERE run = ? ORDER BY rowid",
                   run));
  std::vector<OutputRecord> outputs;
  while (TRY(row.Step())) {
    outputs.push_back({.run = run,
                       .task = row.Text(0),
                       .sequence = row.Int(1),
                       .kind = row.Text(2),
                       .cid = row.Text(3),
                       .size = row.Int(4),
                       .files = row.Int(5),
                       .target = row.Text(6),
                       .location = row.Text(7),
                       .links = row.Text(8)});
  }
  return outputs;
}

Status SetPaused(Database& db, std::string_view task, bool paused) {
  TRY(db.Run(paused ? "INSERT INTO paused (task) VALUES (?) ON CONFLICT DO NOTHING"
                    : "DELETE FROM paused WHERE task = ?",
             task));
  return Status::Ok();
}

Result<std::set<std::string>> PausedTasks(Database& db) {
  Statement row = TRY(db.Query("SELECT task FROM paused"));
  std::set<std::string> tasks;
  while (TRY(row.Step())) tasks.insert(row.Text(0));
  return tasks;
}

Status SetLineage(Database& db, std::string_view pipeline,
                  const std::vector<LineageRecord>& records) {
  Transaction transaction = TRY(Transaction::Begin(db));
  TRY(db.Run("DELETE FROM lineage WHERE pipeline = ?", pipeline));
  for (const LineageRecord& record : records) {
    TRY(db.Run(
        "INSERT OR IGNORE INTO lineage (pipeline, task, table_name, written) VALUES (?,?,?,?)",
        pipeline, record.task, record.table, record.written));
  }
  return transaction.Commit();
}

Result<std::vector<LineageRecord>> Lineage(Database& db) {
  Statement row =
      TRY(db.Query("SELECT pipeline, task, table_name, written FROM lineage ORDER BY pipeline, "
                   "task, written, table_name"));
  std::vector<LineageRecord> records;
  while (TRY(row.Step())) {
    records.push_back({.pipeline = row.Text(0),
                       .task = row.Text(1),
                       .table = row.Text(2),
                       .written = row.Bool(3)});
  }
  return records;
}

Status AddFiles(Database& db, const std::vector<FileRecord>& files) {
  if (files.empty()) return Status::Ok();
  Transaction transaction = TRY(Transaction::Begin(db));
  for (const FileRecord& file : files) {
    TRY(db.Run(
        "INSERT INTO files (task, input, path, size, modified, sha256, run) VALUES (?,?,?,?,?,?,?) "
        "ON CONFLICT DO UPDATE SET size = excluded.size, modified = excluded.modified, "
        "sha256 = excluded.sha256",
        file.task, file.input, file.path, file.size, file.modified, file.sha256, file.run));
  }
  return transaction.Commit();
}

Result<std::vector<FileRecord>> Files(Database& db, std::string_view task) {
  Statement row = TRY(db.Query(
      "SELECT input, path, size, modified, sha256, run FROM files WHERE task = ? ORDER BY rowid",
      task));
  std::vector<FileRecord> files;
  while (TRY(row.Step())) {
    files.push_back({.task = std::string(task),
                     .input = row.Text(0),
                     .path = row.Text(1),
                     .size = row.Int(2),
                     .modified = row.When(3),
                     .sha256 = row.Text(4),
                     .run = row.Text(5)});
  }
  return files;
}

}  // namespace millrace::sqlite
