#include "run/faulty_store.h"

#include "run/faulty_call.h"

namespace millrace {

namespace {

class FaultyStore final : public Store {
 public:
  explicit FaultyStore(Store& store) : store_(store) {}

  Result<std::unique_ptr<ProcessLock>> LockPipeline(std::string_view pipeline) override {
    return store_.LockPipeline(pipeline);
  }
  Result<std::unique_ptr<Membership>> JoinPipeline(std::string_view pipeline) override {
    return store_.JoinPipeline(pipeline);
  }
  Status CreateRun(const RunRecord& run, const std::vector<TaskRecord>& tasks) override {
    return FaultyCall("store", "CreateRun", [&] { return store_.CreateRun(run, tasks); });
  }
  Status MoveRun(const RunId& id, RunState from, RunState to, Time now,
                 std::string_view error) override {
    return FaultyCall("store", "MoveRun", [&] { return store_.MoveRun(id, from, to, now, error); });
  }
  Status MoveTask(const RunId& run, std::string_view task, TaskState from, TaskState to, Time now,
                  std::string_view reason, std::string_view hint) override {
    return FaultyCall("store", "MoveTask",
                      [&] { return store_.MoveTask(run, task, from, to, now, reason, hint); });
  }
  Status UpdateTask(const TaskRecord& counts) override {
    return FaultyCall("store", "UpdateTask", [&] { return store_.UpdateTask(counts); });
  }
  Status PlanCommit(const CommitRecord& commit) override {
    return FaultyCall("store", "PlanCommit", [&] { return store_.PlanCommit(commit); });
  }
  Status FinishCommit(const CommitId& id, Time now) override {
    return FaultyCall("store", "FinishCommit", [&] { return store_.FinishCommit(id, now); });
  }
  Status AbandonCommit(const CommitId& id) override {
    return FaultyCall("store", "AbandonCommit", [&] { return store_.AbandonCommit(id); });
  }
  Status AdoptCommit(const CommitRecord& commit) override {
    return FaultyCall("store", "AdoptCommit", [&] { return store_.AdoptCommit(commit); });
  }
  Status AddCheck(const CheckRecord& check) override {
    return FaultyCall("store", "AddCheck", [&] { return store_.AddCheck(check); });
  }
  Status AddMetric(const MetricRecord& metric) override {
    return FaultyCall("store", "AddMetric", [&] { return store_.AddMetric(metric); });
  }
  Status SetPaused(std::string_view task, bool paused) override {
    return store_.SetPaused(task, paused);
  }
  Result<std::set<std::string>> PausedTasks() override { return store_.PausedTasks(); }
  Status SetLineage(std::string_view pipeline, const std::vector<LineageRecord>& records) override {
    return FaultyCall("store", "SetLineage", [&] { return store_.SetLineage(pipeline, records); });
  }
  Status AddOutputs(const std::vector<OutputRecord>& outputs) override {
    return FaultyCall("store", "AddOutputs", [&] { return store_.AddOutputs(outputs); });
  }
  Status AddFiles(const std::vector<FileRecord>& files) override {
    return FaultyCall("store", "AddFiles", [&] { return store_.AddFiles(files); });
  }

  Result<RunRecord> GetRun(const RunId& id) override { return store_.GetRun(id); }
  Result<std::vector<RunRecord>> Runs(std::string_view pipeline, int limit) override {
    return store_.Runs(pipeline, limit);
  }
  Result<std::vector<TaskRecord>> Tasks(const RunId& run) override { return store_.Tasks(run); }
  Result<std::vector<AttemptRecord>> Attempts(const RunId& run, std::string_view task) override {
    return store_.Attempts(run, task);
  }
  Result<std::optional<CommitRecord>> LastCommit(std::string_view task) override {
    return FaultyCall("store", "LastCommit", [&] { return store_.LastCommit(task); });
  }
  Result<std::vector<CommitRecord>> Commits(const RunId& run) override {
    return store_.Commits(run);
  }
  Result<std::vector<CheckRecord>> Checks(const RunId& run) override { return store_.Checks(run); }
  Result<std::vector<MetricRecord>> Metrics(const RunId& run) override {
    return store_.Metrics(run);
  }
  Result<std::vector<LineageRecord>> Lineage() override { return store_.Lineage(); }
  Result<std::vector<OutputRecord>> Outputs(const RunId& run) override {
    return store_.Outputs(run);
  }
  Result<std::vector<FileRecord>> Files(std::string_view task) override {
    return store_.Files(task);
  }

 private:
  Store& store_;
};

}  // namespace

std::unique_ptr<Store> WithFailpoints(Store& store) { return std::make_unique<FaultyStore>(store); }

}  // namespace millrace
