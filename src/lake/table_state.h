// What a table is at one version: the outcome of all log entries up to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

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

struct TableState {
  int64_t version = -1;  // -1: the table does not exist yet
  Time committed;
  Protocol protocol;
  Metadata metadata;
  Schema schema;                         // of metadata.schema_json
  std::map<std::string, AddFile> files;  // by FileKey
  std::map<std::string, RemoveFile> tombstones;
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
