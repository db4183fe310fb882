// What commands work with: the project and, each opened when first asked for, its lake, store and
// engine.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "connect/registry.h"
#include "engine/engine.h"
#include "lake/lake.h"
#include "pipeline/connections.h"
#include "pipeline/project.h"
#include "store/store.h"

namespace millrace {

class Workspace {
 public:
  // The project of the current folder. Warnings of millrace.yml go to stderr; its errors are the
  // status.
  static Result<std::unique_ptr<Workspace>> Open(Invocation& invocation,
                                                 ProjectPart part = ProjectPart::kAll);

  // Before the engine is asked for: see EngineOptions.
  void WriteInOrder() { in_order_ = true; }

  Env& env() { return invocation_.env; }
  Terminal& terminal() { return invocation_.terminal; }
  const GlobalOptions& options() const { return invocation_.options; }
  std::stop_token stop() const { return invocation_.signals.stop(); }
  ~Workspace();

  const Project& project() const { return project_; }
  const Registry& registry() const { return registry_; }
  const Connections& connections() const { return connections_; }

  Result<Lake*> lake();
  Result<Engine*> engine();
  // Opens the engine beside what else there is to do first; engine() waits for it.
  void WarmUpEngine();
  // Made when missing.
  Result<Store*> store();
  // For commands that only look: kNotFound, with the next step, when nothing ran here yet.
  Result<Store*> store_to_read();
  std::string store_path() const { return project_.Absolute(project_.store.path); }
  std::string state_folder() const { return project_.Absolute(".millrace"); }
  Result<std::unique_ptr<ConnectContext>> connect_context();

  // The pipeline that is meant: by file, folder or name; "" is that of the current folder, or the
  // project's only one.
  Result<std::string> FindPipeline(const std::string& name);
  // The run that is meant: an id, the beginning of one, or "latest".
  Result<RunRecord> FindRun(const std::string& name);

 private:
  explicit Workspace(Invocation& invocation) : invocation_(invocation) {}
  Result<std::unique_ptr<Engine>> OpenEngine() const;

  Invocation& invocation_;
  Project project_;
  bool had_state_folder_ = true;
  Registry registry_;
  Connections connections_;
  bool in_order_ = false;
  std::unique_ptr<Engine> engine_;  // outlives the lake
  std::unique_ptr<Lake> lake_;
  std::unique_ptr<Store> store_, store_to_read_;
  std::future<Result<std::unique_ptr<Engine>>> opening_;  // the engine, until it is asked for
};

}  // namespace millrace
