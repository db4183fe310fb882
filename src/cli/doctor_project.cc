// The parts of a project: engine, tables, record of runs.
#include <sys/stat.h>

#include <set>

#include "cli/doctor.h"
#include "cli/words.h"

namespace millrace {

namespace {

using Level = Finding::Level;

constexpr int kRunsExamined = 1000;

std::string OneValue(Session& session, const std::string& sql) {
  auto rows = session.Collect({sql}, {});
  if (!rows.ok() || rows->empty() || rows->front().empty()) return "";
  return rows->front().front().value_or("");
}

// Planned and not finished, by runs that do not work any more.
Status CountOpenCommits(Store& store, const std::vector<RunRecord>& runs,
                        std::set<std::string>& tasks) {
  for (const RunRecord& run : runs) {
    if (run.state == RunState::kRunning && !WasKilled(run)) continue;
    for (const CommitRecord& commit : TRY(store.Commits(run.id))) {
      if (commit.finished) continue;
      // A later run may have completed it since: only the newest of a task counts.
      std::optional<CommitRecord> last = TRY(store.LastCommit(commit.id.task));
      if (last && !last->finished) tasks.insert(commit.id.task);
    }
  }
  return Status::Ok();
}

}  // namespace

std::vector<Finding> ExamineEngine(Workspace& workspace) {
  Result<Engine*> engine = workspace.engine();
  if (!engine.ok())
    return {{Level::kFail, "engine", engine.status().message(), engine.status().hint()}};
  Result<std::unique_ptr<Session>> session = (*engine)->Open("doctor");
  if (!session.ok())
    return {{Level::kFail, "engine", session.status().message(), session.status().hint()}};
  std::string version = OneValue(**session, "SELECT version()");
  std::string memory = OneValue(**session, "SELECT current_setting('memory_limit')");
  std::string threads = OneValue(**session, "SELECT current_setting('threads')");
  std::string folder = OneValue(**session, "SELECT current_setting('extension_directory')");
  std::vector<Finding> findings{{Level::kOk, "engine",
                                 std::string((*session)->EngineName()) + " " + version +
                                     ", memory limit " + memory + ", " + threads + " threads",
                                 ""}};
  std::string delta = OneValue(
      **session, "SELECT installed FROM duckdb_extensions() WHERE extension_name = 'delta'");
  bool present = delta == "true";
  findings.push_back({present ? Level::kOk : Level::kWarn, "extensions",
                      present ? "delta" : "the delta extension is not in " + folder,
                      present ? ""
                              : "tables with deletion vectors or column mapping cannot be read: "
                                "tools/deps fetches it"});
  return findings;
}

std::vector<Finding> ExamineLake(Workspace& workspace) {
  Result<Lake*> lake = workspace.lake();
  if (!lake.ok()) return {{Level::kFail, "tables", lake.status().message(), lake.status().hint()}};
  Result<std::vector<TableName>> tables = (*lake)->Tables();
  if (!tables.ok())
    return {{Level::kFail, "tables", tables.status().message(), tables.status().hint()}};
  std::vector<Finding> findings;
  for (const TableName& name : *tables) {
    Result<Snapshot> snapshot = (*lake)->Open(name)->Load();
    if (snapshot.ok()) continue;
    findings.push_back(
        {Level::kFail, "tables", name.ToString() + ": " + snapshot.status().message(),
         snapshot.status().hint().empty() ? "millrace tables history " + name.ToString()
                                          : snapshot.status().hint()});
  }
  if (findings.empty()) {
    findings.push_back({Level::kOk, "tables",
                        Counted(static_cast<int64_t>(tables->size()), "table") + ", all readable",
                        ""});
  }
  return findings;
}

std::vector<Finding> ExamineStore(Workspace& workspace) {
  struct stat info = {};
  if (stat(workspace.store_path().c_str(), &info) != 0) {
    return {{Level::kOk, "store", workspace.store_path() + " (made at the first run)", ""}};
  }
  std::vector<Finding> findings;
  if ((info.st_mode & 077) != 0) {
    findings.push_back({Level::kWarn, "store", "others on this machine can read the record of runs",
                        "chmod go= " + workspace.store_path()});
  }
  Result<Store*> store = workspace.store_to_read();
  if (!store.ok()) {
    findings.push_back({Level::kFail, "store", store.status().message(), store.status().hint()});
    return findings;
  }
  Result<std::vector<RunRecord>> runs = (*store)->Runs("", kRunsExamined);
  if (!runs.ok()) {
    findings.push_back({Level::kFail, "store", runs.status().message(), runs.status().hint()});
    return findings;
  }
  findings.push_back(
      {Level::kOk, "store", Counted(static_cast<int64_t>(runs->size()), "run") + " on record", ""});
  for (const RunRecord& run : *runs) {
    if (!WasKilled(run)) continue;
    findings.push_back({Level::kWarn, "runs", run.id + " of " + run.pipeline + " was killed",
                        OnRun("run --resume", run.id)});
  }
  std::set<std::string> open;
  Status counted = CountOpenCommits(**store, *runs, open);
  if (!counted.ok()) findings.push_back({Level::kFail, "store", counted.message(), counted.hint()});
  for (const std::string& task : open) {
    findings.push_back({Level::kWarn, "commits",
                        task + " has a commit that is planned but not finished",
                        "the next run of its pipeline completes it"});
  }
  return findings;
}

}  // namespace millrace
