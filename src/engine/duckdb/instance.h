// The one DuckDB of this process, which all sessions share.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>

#include "base/status.h"
#include "engine/duckdb/bound_rows.h"
#include "engine/duckdb/connection.h"
#include "engine/duckdb/interrupter.h"
#include "engine/engine.h"

namespace millrace::duck {

class Instance {
 public:
  static Result<std::shared_ptr<Instance>> Open(const EngineOptions& options);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // A connection with the settings that every connection needs. `database`: what unqualified names
  // mean.
  Result<std::unique_ptr<Connection>> Connect(const std::string& database);
  std::string NextName() { return "session_" + std::to_string(++sessions_); }
  bool in_order() const { return in_order_; }  // see EngineOptions
  BoundRows& bound_rows() { return bound_rows_; }
  // Makes the delta extension usable; loads it at the first call.
  Status LoadDelta() { return Load("delta"); }
  Status Reach(const ObjectStore& store);

 private:
  Instance() = default;

  BoundRows bound_rows_;
  Interrupter interrupter_;
  _duckdb_database* database_ = nullptr;
  std::unique_ptr<Connection> own_;  // keeps the instance open; converts Arrow
  std::string spill_folder_;         // of this process
  bool leave_memory_ = false;        // see EngineOptions
  bool in_order_ = false;
  std::atomic<int64_t> sessions_{0};
  Status Load(const std::string& extension);

  std::mutex extensions_mutex_;
  std::set<std::string> extensions_;  // loaded
};

// What the machine, or the control group we run in, has: bytes.
int64_t PhysicalMemory();

}  // namespace millrace::duck
