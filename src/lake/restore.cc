#include "lake/file_url.h"
#include "lake/maintenance.h"
#include "lake/put_entry.h"
#include "lake/table_features.h"

namespace millrace {

namespace {

Status CheckFilesAreThere(TableLog& log, const TableState& target,
                          const std::vector<AddFile>& files) {
  int64_t missing = 0;
  std::string example;
  for (const AddFile& add : files) {
    std::string path = DecodePath(add.path);
    if (IsAbsolute(path)) continue;  // another table's, or another place's: not ours to look at
    Result<FileInfo> found = log.context().storage.Stat(log.folder() + "/" + path);
    if (found.ok()) continue;
    if (found.code() != Code::kNotFound) return found.status();
    if (missing++ == 0) example = path;
  }
  if (missing == 0) return Status::Ok();
  return Invalid("version " + std::to_string(target.version) + " of " + log.label() + " needs " +
                     std::to_string(missing) + " files that were removed, for example " + example,
                 "a vacuum took them; restore a newer version");
}

LogEntry EntryToRestore(const TableState& target, const TableState& latest, int64_t now) {
  LogEntry entry;
  for (const auto& [key, file] : latest.files) {
    if (!target.files.contains(key)) entry.removes.push_back(RemovalOf(file->action, now, true));
  }
  for (const auto& [key, file] : target.files) {
    if (latest.files.contains(key)) continue;
    entry.adds.push_back(file->action);
    entry.adds.back().data_change = true;
  }
  if (target.metadata != latest.metadata) entry.metadata = target.metadata;
  // The protocol is never lowered, and the txns stay: what a task committed it does not commit
  // again.
  entry.note = CommitNote{.timestamp = now,
                          .operation = "RESTORE",
                          .parameters = {{"version", std::to_string(target.version)}},
                          .metrics = {{"numRestoredFiles", std::to_string(entry.adds.size())},
                                      {"numRemovedFiles", std::to_string(entry.removes.size())}}};
  return entry;
}

}  // namespace

Result<int64_t> RestoreTable(TableLog& log, const AsOf& as_of, Time now) {
  if (!as_of.version && !as_of.time) return Invalid("restore needs a version or a time");
  TableStatePtr target = TRY(log.At(as_of));
  auto lock = TRY(log.LockForWriting({}));
  auto build = [&](const TableStatePtr& latest) -> Result<std::optional<LogEntry>> {
    if (latest->version == target->version) return std::optional<LogEntry>();
    TRY(CheckWritable(*latest, WriteKind::kReplace).In(log.label()));
    LogEntry entry = EntryToRestore(*target, *latest, ToMillis(now));
    if (entry.adds.empty() && entry.removes.empty() && !entry.metadata)
      return std::optional<LogEntry>();
    TRY(CheckFilesAreThere(log, *target, entry.adds));
    return std::optional(std::move(entry));
  };
  bool may_be_there = false;
  return TRY(PutEntry(log, build, "lake.restore", may_be_there, {})).version;
}

}  // namespace millrace
