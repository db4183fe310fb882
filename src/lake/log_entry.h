// One entry of a Delta log: the actions of one version, as structs and as the log's JSON lines.
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md#actions
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

using PartitionValues = std::map<std::string, std::optional<std::string>>;

struct Protocol {
  int reader = 1, writer = 2;
  std::set<std::string> reader_features, writer_features;  // from versions 3 and 7 on
  bool operator==(const Protocol&) const = default;
};

struct Metadata {
  std::string id, name, description;
  std::string schema_json;  // the log's `schemaString`
  std::vector<std::string> partition_by;
  std::map<std::string, std::string> configuration;
  std::optional<int64_t> created;  // milliseconds since 1970
  bool operator==(const Metadata&) const = default;
};

struct AddFile {
  std::string path;  // as the log spells it: relative and URL-encoded, or a URL
  PartitionValues partition;
  int64_t size = 0;      // bytes
  int64_t modified = 0;  // milliseconds since 1970
  bool data_change = true;
  std::string stats;            // JSON, "" when there is none
  std::string deletion_vector;  // JSON, "" when there is none
  std::string tags;             // JSON, "" when there are none
};

struct RemoveFile {
  std::string path;
  std::optional<int64_t> deleted;  // milliseconds since 1970
  bool data_change = true;
  std::optional<PartitionValues> partition;
  std::optional<int64_t> size;
  std::string deletion_vector;
};

struct TxnAction {
  std::string application;
  int64_t version = 0;
  std::optional<int64_t> updated;  // milliseconds since 1970
};

struct DomainMetadata {
  std::string domain, configuration;
  bool removed = false;
};

struct CommitNote {  // commitInfo
  std::optional<int64_t>
      timestamp;  // milliseconds since 1970; the in-commit one where there is one
  std::string operation;
  std::map<std::string, std::string> parameters, metrics;
  bool blind_append = false;
  // Ours, under "millrace": who committed what.
  std::string run, task, position;
  int64_t sequence = 0;
  int64_t rows = -1;  // that came in; -1: unknown
};

struct LogEntry {
  std::optional<CommitNote> note;
  std::optional<Protocol> protocol;
  std::optional<Metadata> metadata;
  std::vector<TxnAction> txns;
  std::vector<DomainMetadata> domains;
  std::vector<AddFile> adds;
  std::vector<RemoveFile> removes;
  std::vector<std::string> sidecars;  // V2 checkpoints only: file names below _delta_log/_sidecars
};

// A whole entry: one action a line. kInvalid tells the line. Actions and fields that are not known
// are passed over, as the protocol asks.
Result<LogEntry> ParseLogEntry(std::string_view text);
// One action, into `entry`: `kind` is its key ("add"), `json` the value under it.
Status ParseAction(std::string_view kind, std::string_view json, LogEntry& entry);

std::string PrintLogEntry(const LogEntry& entry);
// One line an action, without the note: what a checkpoint holds.
std::vector<std::string> PrintActions(const LogEntry& entry);

// What tells one data file from another: its path and its deletion vector.
std::string FileKey(const std::string& path, const std::string& deletion_vector);

// The remove action that takes back an add.
RemoveFile RemovalOf(const AddFile& add, int64_t now_ms, bool data_change);

// The number under `numRecords`, or -1.
int64_t RowsInStats(const std::string& stats);

}  // namespace millrace
