#include "store/sqlite/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>

#include "store/sqlite/database.h"
#include "store/sqlite/layout.h"
#include "store/sqlite/membership.h"
#include "store/sqlite/process_lock.h"
#include "store/sqlite/queries.h"

namespace millrace {

namespace {

// One connection and one mutex: no call takes longer than a transaction of a few rows.
class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<sqlite::Database> db, std::string lock_folder)
      : db_(std::move(db)), lock_folder_(std::move(lock_folder)) {}

  Result<std::unique_ptr<ProcessLock>> LockPipeline(std::string_view pipeline) override {
    return sqlite::LockInFolder(lock_folder_, pipeline);
  }
  Result<std::unique_ptr<Membership>> JoinPipeline(std::string_view pipeline) override {
    return sqlite::JoinInFolder(lock_folder_, pipeline);
  }

  Status CreateRun(const RunRecord& run, const std::vector<TaskRecord>& tasks) override {
    return sqlite::CreateRun(Use().db, run, tasks);
  }
  Result<RunRecord> GetRun(const RunId& id) override { return sqlite::GetRun(Use().db, id); }
  Result<std::vector<RunRecord>> Runs(std::string_view pipeline, int limit) override {
    return sqlite::Runs(Use().db, pipeline, limit);
  }
  Status MoveRun(const RunId& id, RunState from, RunState to, Time now,
                 std::string_view error) override {
    return sqlite::MoveRun(Use().db, id, from, to, now, error);
  }

  Result<std::vector<TaskRecord>> Tasks(const RunId& run) override {
    return sqlite::Tasks(Use().db, run);
  }
  Status MoveTask(const RunId& run, std::string_view task, TaskState from, TaskState to, Time now,
                  std::string_view reason, std::string_view hint) override {
    return sqlite::MoveTask(Use().db, run, task, from, to, now, reason, hint);
  }
  Status UpdateTask(const TaskRecord& counts) override {
    return sqlite::UpdateTask(Use().db, counts);
  }
  Result<std::vector<AttemptRecord>> Attempts(const RunId& run, std::string_view task) override {
    return sqlite::Attempts(Use().db, run, task);
  }

  Status PlanCommit(const CommitRecord& commit) override {
    return sqlite::PlanCommit(Use().db, commit);
  }
  Status FinishCommit(const CommitId& id, Time now) override {
    return sqlite::FinishCommit(Use().db, id, now);
  }
  Status AbandonCommit(const CommitId& id) override { return sqlite::AbandonCommit(Use().db, id); }
  Status AdoptCommit(const CommitRecord& commit) override {
    return sqlite::AdoptCommit(Use().db, commit);
  }
  Result<std::optional<CommitRecord>> LastCommit(std::string_view task) override {
    return sqlite::LastCommit(Use().db, task);
  }
  Result<std::vector<CommitRecord>> Commits(const RunId& run) override {
    return sqlite::Commits(Use().db, run);
  }

  Status AddCheck(const CheckRecord& check) override { return sqlite::AddCheck(Use().db, check); }
  Result<std::vector<CheckRecord>> Checks(const RunId& run) override {
    return sqlite::Checks(Use().db, run);
  }
  Status AddMetric(const MetricRecord& metric) override {
    return sqlite::AddMetric(Use().db, metric);
  }
  Result<std::vector<MetricRecord>> Metrics(const RunId& run) override {
    return sqlite::Metrics(Use().db, run);
  }
  Status SetPaused(std::string_view task, bool paused) override {
    return sqlite::SetPaused(Use().db, task, paused);
  }
  Result<std::set<std::string>> PausedTasks() override { return sqlite::PausedTasks(Use().db); }
  Status SetLineage(std::string_view pipeline, const std::vector<LineageRecord>& records) override {
    return sqlite::SetLineage(Use().db, pipeline, records);
  }
  Result<std::vector<LineageRecord>> Lineage() override { return sqlite::Lineage(Use().db); }
  Status AddOutputs(const std::vector<OutputRecord>& outputs) override {
    return sqlite::AddOutputs(Use().db, outputs);
  }
  Result<std::vector<OutputRecord>> Outputs(const RunId& run) override {
    return sqlite::Outputs(Use().db, run);
  }
  Status AddFiles(const std::vector<FileRecord>& files) override {
    return sqlite::AddFiles(Use().db, files);
  }
  Result<std::vector<FileRecord>> Files(std::string_view task) override {
    return sqlite::Files(Use().db, task);
  }

 private:
  // The connection, locked to the end of the expression.
  struct Held {
    std::unique_lock<std::mutex> lock;
    sqlite::Database& db;
  };
  Held Use() { return {std::unique_lock(mutex_), *db_}; }

  std::mutex mutex_;
  std::unique_ptr<sqlite::Database> db_;
  const std::string lock_folder_;
};

std::string FolderOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

std::unique_ptr<Store> Make(std::unique_ptr<sqlite::Database> db, const std::string& path) {
  return std::make_unique<SqliteStore>(
      std::move(db), (std::filesystem::path(path).parent_path() / "locks").string());
}

// SQLite gives its side files the mode of the main one; the main one it would make as the umask
// says.
Status MakePrivateFile(const std::string& path) {
  std::error_code error;
  if (std::string folder = FolderOf(path); !folder.empty())
    std::filesystem::create_directories(folder, error);
  if (error) return FromErrno("folder of the store " + path, error.value());
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return FromErrno("store " + path, errno);
  ::close(file);
  return Status::Ok();
}

Result<std::unique_ptr<sqlite::Database>> OpenForReading(const std::string& path) {
  using Access = sqlite::Database::Access;
  // Where SQLite cannot make its side files it reads only if told that nobody writes.
  std::string folder = FolderOf(path).empty() ? "." : FolderOf(path);
  bool writable =
      ::access(folder.c_str(), W_OK) == 0 || ::access((path + "-wal").c_str(), F_OK) == 0;
  auto db = sqlite::Database::Open(path, writable ? Access::kReadOnly : Access::kImmutable);
  if (!db.ok()) return db.status();
  Status layout = sqlite::CheckLayout(**db);
  if (!layout.ok()) return layout.In("store " + path);
  return db;
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path) {
  TRY(MakePrivateFile(path));
  auto db = TRY(sqlite::Database::Open(path, sqlite::Database::Access::kReadWrite));
  Status status = db->Script("PRAGMA journal_mode = WAL");
  if (status.ok()) status = sqlite::UpgradeLayout(*db);
  if (!status.ok()) return status.In("store " + path);
  return Make(std::move(db), path);
}

Result<std::unique_ptr<Store>> OpenSqliteStoreReadOnly(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    Status status = FromErrno("store " + path, errno);
    if (status.code() != Code::kNotFound) return status;
    return NotFound("there is no store " + path + " yet", "`millrace run` makes it");
  }
  auto db = TRY(OpenForReading(path));
  return Make(std::move(db), path);
}

}  // namespace millrace
