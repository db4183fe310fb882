#include "cli/workspace.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/program.h"
#include "pipeline/lake_storage.h"
#include "store/sqlite/sqlite_store.h"

namespace millrace {

namespace {

// "60%" is what the engine takes by itself, of the memory that this process may have.
Result<int64_t> EngineMemory(const std::string& limit) {
  if (limit == EngineSettings().memory_limit) return 0;
  int64_t machine = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  Result<int64_t> bytes = ParseBytes(limit, machine);
  if (!bytes.ok()) return bytes.status().In("engine.memory_limit");
  return bytes;
}

}  // namespace

Result<std::unique_ptr<Workspace>> Workspace::Open(Invocation& invocation, ProjectPart part) {
  std::unique_ptr<Workspace> workspace(new Workspace(invocation));
  std::string environment = invocation.options.environment;
  if (const char* name = getenv("MILLRACE_ENV"); environment.empty() && name) environment = name;
  Diagnostics diagnostics;
  workspace->project_ = LoadProject(".", environment, diagnostics, part);
  RegisterAll(workspace->registry_);
  workspace->connections_ =
      Connections(workspace->project_.connections, workspace->registry_, diagnostics);
  CheckLake(workspace->project_, workspace->registry_, workspace->connections_, diagnostics);
  TRY(diagnostics.ToStatus());
  for (const Diagnostic& warning : diagnostics.Sorted()) {
    invocation.terminal.PrintError(FormatDiagnostic(warning) + "\n");
  }
  workspace->had_state_folder_ = access(workspace->state_folder().c_str(), F_OK) == 0;
  return workspace;
}

// Commands that only look leave no empty folder behind; rmdir removes none that has something.
Workspace::~Workspace() {
  lake_.reset();
  if (opening_.valid()) opening_.wait();
  engine_.reset();
  if (!had_state_folder_) rmdir(state_folder().c_str());
}

Result<Lake*> Workspace::lake() {
  if (lake_) return lake_.get();
  LakeStorage storage =
      TRY(OpenLakeStorage(project_, registry_, connections_, state_folder(), stop()));
  lake_ = OpenLake(std::move(storage), env(), *TRY(engine()));
  return lake_.get();
}

Result<Engine*> Workspace::engine() {
  if (!engine_) engine_ = TRY(opening_.valid() ? opening_.get() : OpenEngine());
  return engine_.get();
}

void Workspace::WarmUpEngine() {
  if (!engine_ && !opening_.valid())
    opening_ = std::async(std::launch::async, [this] { return OpenEngine(); });
}

Result<std::unique_ptr<Engine>> Workspace::OpenEngine() const {
  const EngineSettings& settings = project_.engine;
  EngineOptions options;
  options.threads = settings.threads;
  options.spill_folder = project_.Absolute(settings.spill);
  options.memory_limit = TRY(EngineMemory(settings.memory_limit));
  if (!settings.spill_limit.empty()) options.spill_limit = TRY(ParseBytes(settings.spill_limit));
  options.leave_memory = kLeavesMemory;
  options.in_order = in_order_ || !project_.manifests.key.empty();
  return OpenDuckDb(options);
}

Result<Store*> Workspace::store() {
  if (!store_) store_ = TRY(OpenSqliteStore(store_path()));
  return store_.get();
}

Result<Store*> Workspace::store_to_read() {
  if (store_) return store_.get();
  if (store_to_read_) return store_to_read_.get();
  Result<std::unique_ptr<Store>> opened = OpenSqliteStoreReadOnly(store_path());
  if (opened.code() == Code::kNotFound) {
    return NotFound("nothing has run here yet", "begin with: millrace run");
  }
  store_to_read_ = TRY(std::move(opened));
  return store_to_read_.get();
}

Result<std::unique_ptr<ConnectContext>> Workspace::connect_context() {
  Lake* lake = TRY(this->lake());
  return std::unique_ptr<ConnectContext>(
      new ConnectContext{invocation_.env, *lake, project_.folder, state_folder(), "", ""});
}

Result<std::string> Workspace::FindPipeline(const std::string& name) {
  if (!name.empty()) return ResolvePipeline(project_, name);
  if (access("pipeline.yml", F_OK) == 0) return std::string("pipeline.yml");
  std::vector<std::string> all = FindPipelines(project_);
  if (all.size() == 1) return all.front();
  if (all.empty()) {
    return NotFound("there is no pipeline here: neither pipeline.yml nor pipelines/*/pipeline.yml",
                    "millrace init DIR writes one that runs; -C DIR works in another folder");
  }
  return Invalid("which pipeline?", "there are " + Join(all, ", "));
}

Result<RunRecord> Workspace::FindRun(const std::string& name) {
  Store* store = TRY(store_to_read());
  if (name.empty() || name == "latest") {
    std::vector<RunRecord> runs = TRY(store->Runs("", 1));
    if (runs.empty()) return NotFound("nothing has run here yet", "begin with: millrace run");
    return runs.front();
  }
  Result<RunRecord> exact = store->GetRun(name);
  if (exact.code() != Code::kNotFound) return exact;
  std::vector<RunRecord> all = TRY(store->Runs("", 1000)), matching;
  for (RunRecord& run : all) {
    if (run.id.starts_with(name)) matching.push_back(std::move(run));
  }
  if (matching.size() == 1) return matching.front();
  if (matching.empty())
    return NotFound("there is no run '" + name + "'", "millrace runs lists them");
  return Invalid("'" + name + "' begins several runs", "millrace runs lists them");
}

}  // namespace millrace
