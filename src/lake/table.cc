#include "lake/table.h"

#include <algorithm>

#include "base/text.h"
#include "lake/file_url.h"
#include "lake/maintenance.h"
#include "lake/scan.h"
#include "lake/table_log.h"
#include "lake/table_write.h"

namespace millrace {

namespace {

HistoryEntry ToHistory(int64_t version, const LogEntry& entry) {
  HistoryEntry history{.version = version};
  if (entry.note) {
    history.committed = FromMillis(entry.note->timestamp.value_or(0));
    history.operation = entry.note->operation;
    history.parameters = entry.note->parameters;
    history.run = entry.note->run;
    history.rows_added = entry.note->rows;
  }
  history.files_added = static_cast<int64_t>(entry.adds.size());
  history.files_removed = static_cast<int64_t>(entry.removes.size());
  if (history.rows_added >= 0) return history;
  int64_t rows = 0;
  for (const AddFile& add : entry.adds) {
    int64_t known = RowsInStats(add.stats);
    if (known < 0) return history;
    if (add.data_change) rows += known;
  }
  history.rows_added = rows;
  return history;
}

class DeltaTable final : public Table {
 public:
  DeltaTable(LogContext context, const TableName& name)
      : log_(context, name.layer + "/" + name.table, name.ToString()) {}

  std::string Uri() const override { return log_.context().storage.Uri(log_.folder()); }

  Result<bool> Exists() override {
    Result<TableStatePtr> state = log_.Latest();
    if (state.code() == Code::kNotFound) return false;
    TRY(std::move(state));
    return true;
  }

  Result<Snapshot> Load(const AsOf& as_of) override { return TRY(log_.At(as_of))->ToSnapshot(); }

  Result<std::optional<Transaction>> LastTransaction(const std::string& application) override {
    Result<TableStatePtr> state = log_.Latest();
    if (state.code() == Code::kNotFound) return std::optional<Transaction>();
    TableStatePtr latest = TRY(std::move(state));
    auto found = latest->transactions.find(application);
    if (found == latest->transactions.end()) return std::optional<Transaction>();
    Transaction transaction{found->second.version, found->second.position.value_or("")};
    if (found->second.position) return std::optional(std::move(transaction));
    // It came from a checkpoint, which has no room for the position: the entry has it, as long as
    // it is kept.
    for (int64_t version = latest->version; version >= 0; --version) {
      Result<LogEntry> entry = log_.ReadEntry(version);
      if (entry.code() == Code::kNotFound) break;
      const CommitNote note = *TRY(std::move(entry)).note;
      if (note.task != application || note.sequence != transaction.version) continue;
      transaction.position = note.position;
      break;
    }
    return std::optional(std::move(transaction));
  }

  Result<std::vector<HistoryEntry>> History(int limit) override {
    TableStatePtr latest = TRY(log_.Latest());
    std::vector<HistoryEntry> history;
    for (int64_t version = latest->version; version >= 0; --version) {
      if (limit > 0 && static_cast<int>(history.size()) >= limit) break;
      Result<LogEntry> entry = log_.ReadEntry(version);
      if (entry.code() == Code::kNotFound) break;  // cleaned up by another tool
      history.push_back(ToHistory(version, TRY(std::move(entry))));
    }
    return history;
  }

  Result<Sql> Scan(Session& session, const Snapshot& snapshot) override {
    if (snapshot.foreign_features) {
      TRY(log_.context().reach.Refresh());
      return session.ForeignDelta(Uri(), snapshot.version);
    }
    TRY(Reach(log_.context().reach, snapshot.files, Folder()));
    return ScanFiles(snapshot.files, snapshot.schema, snapshot.partition_by, Folder());
  }

  Result<Sql> ScanChanges(Session& /*session*/, int64_t after, int64_t upto) override {
    TableStatePtr end = TRY(log_.At(upto));
    std::vector<DataFile> files;
    for (int64_t version = after + 1; version <= upto; ++version) {
      Result<LogEntry> entry = log_.ReadEntry(version);
      if (entry.code() == Code::kNotFound) {
        return NotIncremental(after,
                              "the log entry of version " + std::to_string(version) + " is gone");
      }
      TRY(AddChanges(version, TRY(std::move(entry)), files));
    }
    for (const DataFile& file : files) {
      if (!IsAbsolute(file.path) &&
          !log_.context().storage.Stat(log_.folder() + "/" + file.path).ok()) {
        return NotIncremental(after, "its file " + file.path + " is gone");
      }
    }
    if (end->ToSnapshot().foreign_features) {
      return NotIncremental(after, "it has deletion vectors or column mapping");
    }
    TRY(Reach(log_.context().reach, files, Folder()));
    return ScanFiles(files, end->schema, end->metadata.partition_by, Folder());
  }

  Result<std::unique_ptr<TableWrite>> Write(const WriteOptions& options) override {
    return OpenTableWrite(log_, options);
  }

  Result<int64_t> Restore(const AsOf& as_of, Time now) override {
    return RestoreTable(log_, as_of, now);
  }

  Result<int64_t> Compact(Session& session, const CompactOptions& options, Time now,
                          std::stop_token stop) override {
    return CompactTable(log_, session, options, now, stop);
  }

  Result<int64_t> DeleteOlder(Session& session, const std::string& column, Time before, Time now,
                              std::stop_token stop) override {
    return DeleteOlderRows(log_, session, column, before, now, stop);
  }

  Result<VacuumResult> Vacuum(Micros retention, bool dry_run, Time now) override {
    return VacuumTable(log_, retention, dry_run, now);
  }

 private:
  TableFolder Folder() const { return {log_.context().storage, log_.folder()}; }

  Status NotIncremental(int64_t after, const std::string& why) const {
    return Invalid("the rows of " + log_.label() + " since version " + std::to_string(after) +
                       " cannot be told from the others: " + why,
                   "run the task with --full-refresh, or take `incremental` from its input");
  }

  Status AddChanges(int64_t version, const LogEntry& entry, std::vector<DataFile>& files) const {
    for (const RemoveFile& remove : entry.removes) {
      if (!remove.data_change) continue;
      return NotIncremental(version - 1, "version " + std::to_string(version) + " (" +
                                             (entry.note ? entry.note->operation : "") +
                                             ") removed or changed rows");
    }
    for (const AddFile& add : entry.adds) {
      if (add.data_change) files.push_back(ToDataFile(add));
    }
    return Status::Ok();
  }

  TableLog log_;
};

}  // namespace

std::unique_ptr<Table> MakeDeltaTable(const LogContext& context, const TableName& name) {
  return std::make_unique<DeltaTable>(context, name);
}

}  // namespace millrace
