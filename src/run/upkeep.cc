#include "run/upkeep.h"

#include <malloc.h>

#include <algorithm>
#include <set>

#include "base/storage.h"
#include "connect/landing/landing.h"
#include "run/run.h"

namespace millrace {

namespace {

constexpr Micros kPause = std::chrono::days(1);
constexpr const char* kRejectedAt = "_rejected_at";  // see RejectRows

class Upkeep {
 public:
  Upkeep(RunScope& run, std::stop_token stop)
      : run_(run),
        retention_(run.context.project.lake.retention),
        now_(run.Now()),
        stop_(std::move(stop)) {}

  // False when it was stopped before the end.
  bool Work() {
    for (const Task& task : run_.pipeline.tasks) {
      Tell(task, retention_.landing ? Landings(task) : Status::Ok());
      Tell(task, retention_.rejects ? Rejects(task) : Status::Ok());
      Tell(task, retention_.versions ? Versions(task) : Status::Ok());
      if (stop_.stop_requested()) return false;
    }
    return true;
  }

 private:
  void Tell(const Task& task, const Status& status) {
    if (!status.ok() && status.code() != Code::kCanceled)
      run_.Tell(Event::Kind::kWarning, task, "retention: " + status.message(), status.hint());
  }

  Status Rejects(const Task& task) {
    for (const Target& target : task.rejects) TRY(RejectsOf(target));
    return Status::Ok();
  }
  Status RejectsOf(const Target& target) {
    Result<TableName> name = ParseTableName(target.traits.writes);
    bool elsewhere = !name.ok();
    if (elsewhere || !rejects_seen_.insert(*name).second) return Status::Ok();
    std::unique_ptr<Table> table = run_.context.lake.Open(*name);
    if (!TRY(table->Exists())) return Status::Ok();
    std::unique_ptr<Session> session = TRY(run_.context.engine.Open("retention"));
    return table->DeleteOlder(*session, kRejectedAt, now_ - *retention_.rejects, now_, stop_)
        .status();
  }

  Status Landings(const Task& task) {
    constexpr std::string_view kFolder = "landing/";
    for (const std::string& written : task.writes) {
      if (!written.starts_with(kFolder) || !seen_.insert(written).second) continue;
      TRY(landing::RemoveOlder(run_.context.lake.storage(), written.substr(kFolder.size()),
                               now_ - *retention_.landing, now_, stop_));
    }
    return Status::Ok();
  }

  Status Versions(const Task& task) {
    for (const std::string& written : task.writes) {
      Result<TableName> name = ParseTableName(written);
      if (!name.ok() || !seen_.insert(written).second) continue;
      std::unique_ptr<Table> table = run_.context.lake.Open(*name);
      Status vacuumed = table->Vacuum(*retention_.versions, false, now_).status();
      if (vacuumed.code() != Code::kNotFound) TRY(std::move(vacuumed));
    }
    return Status::Ok();
  }

  RunScope& run_;
  const RetentionSettings& retention_;
  const Time now_;
  const std::stop_token stop_;
  std::set<std::string> seen_;  // of a matrix, many tasks write to one
  std::set<TableName> rejects_seen_;
};

}  // namespace

// The allocator keeps what it once had, page by page, among what is still in use.
void ReturnFreeMemory() { malloc_trim(0); }

void CompactStreamed(RunScope& run, std::stop_token stop) {
  constexpr int64_t kSmall = int64_t{32} << 20, kTarget = int64_t{256} << 20;  // bytes
  constexpr int kMany = 100;
  for (const Task& task : run.pipeline.tasks) {
    if (!task.trigger.continuous) continue;
    for (const std::string& written : task.writes) {
      Result<TableName> name = ParseTableName(written);
      if (!name.ok() || stop.stop_requested()) continue;
      auto compact = [&]() -> Status {
        std::unique_ptr<Table> table = run.context.lake.Open(*name);
        if (!TRY(table->Exists())) return Status::Ok();
        Snapshot now = TRY(table->Load());
        auto small = std::count_if(now.files.begin(), now.files.end(),
                                   [](const DataFile& file) { return file.size < kSmall; });
        if (small < kMany) return Status::Ok();
        std::unique_ptr<Session> session = TRY(run.context.engine.Open("compaction"));
        CompactOptions options{.target_size = kTarget, .in_steps = true};
        return table->Compact(*session, options, run.Now(), stop).status();
      };
      Status status = compact();
      bool raced = status.code() == Code::kConflict || status.code() == Code::kCanceled;
      if (!status.ok() && !raced)
        run.Tell(Event::Kind::kWarning, task, "compaction of " + written + ": " + status.message(),
                 status.hint());
    }
  }
}

void KeepUp(RunScope& run, std::stop_token stop) {
  if (!run.context.project.lake.retention.Any()) return;
  // Its time says when the last one was.
  std::unique_ptr<Storage> state = OpenLocalStorage(StateFolder(run.context.project) + "/upkeep");
  Result<FileInfo> last = state->Stat(run.pipeline.name);
  if (last.ok() && last->modified > run.Now() - kPause) return;
  if (!Upkeep(run, std::move(stop)).Work()) return;
  (void)state->Put(run.pipeline.name, FormatTime(run.Now()) + "\n").ok();  // else once more
}

}  // namespace millrace
