// What a table is at one version: the outcome of all log entries up to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/storage.h"
#include "base/time.h"
#include "data/schema.h"
#include "lake/lake.h"
#include "lake/log_entry.h"

namespace millrace {

struct AppTransaction {
  int64_t version = 0;
  std::optional<int64_t> updated;       // milliseconds since 1970
  std::optional<std::string> position;  // unknown where the entry itself was not read
};

// Actions by FileKey, in its order. Copies share what they hold: with each commit the state before
// it is copied.
template <class Action>
class FileMap {
 public:
  struct Entry {
    std::string key;
    Action action;
  };
  using Entries = std::map<std::string_view, std::shared_ptr<const Entry>>;  // views of Entry::key

  // Replaces the one that is there.
  void Put(Action action) {
    std::string key = FileKey(action.path, action.deletion_vector);
    Erase(key);
    auto entry = std::make_shared<const Entry>(Entry{std::move(key), std::move(action)});
    entries_.emplace(entry->key, entry);
  }
  void Erase(std::string_view key) { entries_.erase(key); }
  // nullptr: it is not there.
  const Action* Find(std::string_view key) const {
    auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second->action;
  }
  bool contains(std::string_view key) const { return entries_.contains(key); }
  size_t size() const { return entries_.size(); }
  typename Entries::const_iterator begin() const { return entries_.begin(); }
  typename Entries::const_iterator end() const { return entries_.end(); }

 private:
  Entries entries_;
};

struct TableState {
  int64_t version = -1;  // -1: the table does not exist yet
  Time committed;
  Protocol protocol;
  Metadata metadata;
  Schema schema;                         // of metadata.schema_json
  FileMap<AddFile> files;
  FileMap<RemoveFile> tombstones;
  std::map<std::string, AppTransaction> transactions;
  std::map<std::string, std::string> domains;

  // Takes the next entry. Adds before and after a remove of the same file: the later entry counts;
  // within one entry the protocol allows each file once.
  Status Apply(const LogEntry& entry);
  // Both are there, and the schema is understood: what a whole log must have given.
  Status CheckWhole() const;

  bool exists() const { return version >= 0; }
  Snapshot ToSnapshot() const;
};

using TableStatePtr = std::shared_ptr<const TableState>;

DataFile ToDataFile(const AddFile& add);
Time FromMillis(int64_t millis);
int64_t ToMillis(Time time);

}  // namespace millrace
