// The log of one table: reads its states, puts entries, writes checkpoints.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/env.h"
#include "base/status.h"
#include "base/storage.h"
#include "engine/engine.h"
#include "lake/engine_reach.h"
#include "lake/log_entry.h"
#include "lake/table_state.h"

namespace millrace {

// The newest states that this process read, so that the next look reads only the entries since.
// Thread-safe.
class StateCache {
 public:
  struct Known {
    TableStatePtr state;
    FileInfo entry;  // the file of the state's last entry: when it is another one, the table was
                     // made anew
  };
  std::optional<Known> Find(const std::string& folder) const;
  // Keeps the newer of the two.
  void Keep(const std::string& folder, Known known);
  void Forget(const std::string& folder);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
};

// What the log of a table is read and written with. Outlives the TableLog.
struct LogContext {
  Storage& storage;
  Engine& engine;
  Clock& clock;
  StateCache& cache;
  EngineReach& reach;  // asked before the engine reads what the storage holds
};

class TableLog {
 public:
  // `folder`: the table's, relative to the storage's root; `label`: how messages name the table.
  TableLog(LogContext context, std::string folder, std::string label);

  // kNotFound when the table does not exist, and then only.
  Result<TableStatePtr> Latest();
  Result<TableStatePtr> At(int64_t version);
  Result<TableStatePtr> At(const AsOf& as_of);

  // kNotFound when the entry's file does not exist (any more).
  Result<LogEntry> ReadEntry(int64_t version);
  // Puts the entry of a version. kConflict: somebody else put it first. On any other error the
  // entry may be there or not: IsThere() tells.
  Status Put(int64_t version, const std::string& text);
  // Whether the entry of `version` is exactly this text.
  Result<bool> IsThere(int64_t version, const std::string& text);
  // The state that an entry of ours makes of `base`, which it was built on: `text` was put as the
  // next version. Kept, so that the next look need not read it.
  Result<TableStatePtr> Follow(const TableState& base, const std::string& text);
  // Makes the next look cheaper; all is well without it.
  Status WriteCheckpoint(const TableState& state);

  // Who stages files, or names old ones again, holds the writers' lock until the entry is in the
  // log: vacuum, which holds it alone, takes no file that an entry is about to name. Waits.
  Result<std::unique_ptr<StorageLock>> LockForWriting(std::stop_token stop);
  // nullptr: writers are at work.
  Result<std::unique_ptr<StorageLock>> TryLockForVacuum();

  const LogContext& context() const { return context_; }
  const std::string& folder() const { return folder_; }
  const std::string& label() const { return label_; }
  std::string EntryPath(int64_t version) const;

 private:
  struct Listing;
  Result<TableStatePtr> LatestFromCache(const StateCache::Known& known);
  Result<TableStatePtr> LatestFromFiles(const Listing& listing);
  Result<Listing> List();
  Result<TableState> Replay(const Listing& listing, int64_t upto);
  Result<TableState> ReplayFrom(const Listing& listing, int64_t checkpoint, int64_t upto);
  Status ReadCheckpoint(const std::vector<std::string>& files, LogEntry& into);
  // Applies the entries that came after the state; stops at the first that is not there.
  Result<FileInfo> CatchUp(TableState& state, FileInfo entry);
  Result<int64_t> VersionAt(Time time, const TableState& newest);
  Status Gone() const;

  LogContext context_;
  std::string folder_, label_;
};

}  // namespace millrace
