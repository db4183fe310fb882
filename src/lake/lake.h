// Delta tables (https://github.com/delta-io/delta/blob/master/PROTOCOL.md), laid out as
// <root>/<layer>/<table>.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "base/storage.h"
#include "base/time.h"
#include "data/rows.h"
#include "data/schema.h"
#include "engine/engine.h"

namespace millrace {

enum class Mode { kAppend, kReplace, kMerge, kDeleteInsert };
// What happens when rows do not have the table's shape.
enum class Contract {
  kEvolve,        // new columns are added, types widened where that is safe
  kFreeze,        // the task fails
  kDiscardRow,    // rows with values in unknown columns, or that do not fit, go to the rejects
  kDiscardValue,  // unknown columns are left out, values that do not fit become null
};

struct AsOf {
  std::optional<int64_t> version;
  std::optional<Time> time;  // the newest version committed at or before it
};

struct DataFile {
  std::string path;  // relative to the table, or absolute; not URL-encoded
  std::map<std::string, std::optional<std::string>> partition;
  int64_t size = 0;   // bytes
  int64_t rows = -1;  // -1: unknown
  Time modified;
  std::string stats;  // the log's JSON, as it was
  bool has_deletion_vector = false;
};

struct Transaction {  // who committed last, by application
  int64_t version = 0;
  std::string position;  // what the committer recorded beside it, where known
};

struct Snapshot {
  int64_t version = 0;
  Time committed;
  std::string table_id;
  Schema schema;
  std::vector<std::string> partition_by;
  std::map<std::string, std::string> properties;
  std::vector<DataFile> files;  // by time, then by path: which is random
  std::map<std::string, Transaction> transactions;
  bool foreign_features =
      false;             // deletion vectors, column mapping: read by the engine, not written by us
  int64_t rows() const;  // -1 when a file does not say
  int64_t bytes() const;
};

struct HistoryEntry {
  int64_t version = 0;
  Time committed;
  std::string operation;  // WRITE, MERGE, RESTORE, OPTIMIZE…
  std::map<std::string, std::string> parameters;
  int64_t files_added = 0, files_removed = 0, rows_added = -1;
  std::string run;  // our run id, if it was ours
};

struct WriteOptions {
  Mode mode = Mode::kAppend;
  std::vector<std::string> key;           // kMerge, kDeleteInsert
  // kMerge: of rows with one key the last by these columns stays, whether they come together or one
  // is there already. Without them a key must come once.
  std::vector<std::string> order_by;
  std::string delete_when;          // kMerge: an SQL condition; the last row of a key removes it
  std::vector<std::string> exclude;  // columns of the rows that the table does not get
  std::vector<std::string> partition_by;  // for a new table; must match an existing one
  Contract contract = Contract::kEvolve;
  std::string compression = "zstd";
  std::map<std::string, std::string> properties;  // table properties to set
  // Rows whose `_source_file` is one of these are removed in the same commit: the file was
  // rewritten.
  std::vector<std::string> replaced_files;
  std::string run;  // run id, for the history
};

struct WriteResult {
  int64_t rows = 0, bytes = 0, files = 0;  // staged by Stage()
  int64_t rows_discarded = 0;              // by Contract::kDiscardRow
};

// One write to one table: Stage() makes data files that nobody sees, Commit() makes them the
// table's. Destroyed without Commit(), its files are removed (and what a kill leaves, vacuum
// removes).
class TableWrite {
 public:
  virtual ~TableWrite() = default;
  // May be called once; `rows` is read once. Applies the contract; the rows that do not fit are
  // readable as Discarded(): the rows' columns, then _rule and _reason. The session is used by
  // Commit() too.
  virtual Result<WriteResult> Stage(Session& session, const Sql& rows, std::stop_token stop) = 0;
  virtual std::optional<Sql> Discarded() const = 0;
  // Puts the log entry with txn {id.task, id.sequence}. An id that the table has already changes
  // nothing. Retries when others commit meanwhile, recomputing what they changed under us.
  // `position` is kept beside the txn.
  virtual Result<int64_t /*version*/> Commit(const CommitId& id, std::string_view position,
                                             Time now, std::stop_token stop) = 0;
};

struct VacuumResult {
  int64_t files = 0, bytes = 0;
  std::vector<std::string> paths;
};

struct CompactOptions {
  int64_t target_size = int64_t{256} << 20;  // bytes of a file
  // For who comes again and again: a file is only rewritten with as much as it has itself, so that
  // a row is rewritten a few times in all, and a few files of each size stay.
  bool in_steps = false;
  size_t most_files = 1000;  // that become one at once: all of them are open then
};

class Table {
 public:
  virtual ~Table() = default;
  virtual std::string Uri() const = 0;
  virtual Result<bool> Exists() = 0;
  virtual Result<Snapshot> Load(const AsOf& as_of = {}) = 0;         // kNotFound
  virtual Result<std::vector<HistoryEntry>> History(int limit) = 0;  // newest first
  // The last commit of an application (CommitId::task), its position looked up in the log where
  // need be.
  virtual Result<std::optional<Transaction>> LastTransaction(const std::string& application) = 0;
  // A relation with the snapshot's rows, in schema order.
  virtual Result<Sql> Scan(Session& session, const Snapshot& snapshot) = 0;
  // The rows that came after version `after` up to `upto` by appends. kInvalid when rows were
  // removed or changed in between (compaction does not count): the reader must take the whole
  // table.
  virtual Result<Sql> ScanChanges(Session& session, int64_t after, int64_t upto) = 0;
  virtual Result<std::unique_ptr<TableWrite>> Write(const WriteOptions& options) = 0;
  virtual Result<int64_t> Restore(const AsOf& as_of, Time now) = 0;  // the new version
  virtual Result<int64_t> Compact(Session& session, const CompactOptions& options, Time now,
                                  std::stop_token stop) = 0;
  // Removes the rows whose `column`, a time, lies before `before`; how many. Earlier versions keep
  // them until a vacuum.
  virtual Result<int64_t> DeleteOlder(Session& session, const std::string& column, Time before,
                                      Time now, std::stop_token stop) = 0;
  // Removes files that no version within `retention` needs, and leftovers of killed writers older
  // than it.
  virtual Result<VacuumResult> Vacuum(Micros retention, bool dry_run, Time now) = 0;
};

struct TableName {
  std::string layer, table;
  std::string ToString() const { return layer + "." + table; }
  auto operator<=>(const TableName&) const = default;
};
// "silver.flights"; kInvalid when it is not two plain names ([A-Za-z_][A-Za-z0-9_]*).
Result<TableName> ParseTableName(std::string_view text);

class Lake {
 public:
  virtual ~Lake() = default;
  virtual std::unique_ptr<Table> Open(const TableName& name) = 0;
  virtual Result<std::vector<TableName>> Tables() = 0;
  virtual Storage& storage() = 0;  // the root: landing lives in it too, under "landing/"
};

// Where a lake lives.
struct LakeStorage {
  std::unique_ptr<Storage> storage;
  // What an engine must know to read it: each bucket it has, with keys that are valid now. Null for
  // folders of this machine.
  std::function<Result<std::vector<ObjectStore>>()> stores;
};

// The engine, which must outlive the lake, reads its files: a session is opened only when there is
// a checkpoint.
std::unique_ptr<Lake> OpenLake(LakeStorage storage, Env& env, Engine& engine);
// In a folder of this machine, made at the first write.
std::unique_ptr<Lake> OpenLake(const std::string& folder, Env& env, Engine& engine);

}  // namespace millrace
