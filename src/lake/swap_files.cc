#include "lake/swap_files.h"

#include <optional>

#include "lake/put_entry.h"
#include "lake/rewrite.h"

namespace millrace {

namespace {

Result<std::optional<LogEntry>> EntryOf(TableLog& log, const TableState& before,
                                        const TableState& latest, const FileSwap& swap,
                                        int64_t now) {
  bool same_table = latest.metadata.id == before.metadata.id &&
                    latest.metadata.schema_json == before.metadata.schema_json &&
                    latest.metadata.partition_by == before.metadata.partition_by;
  LogEntry entry;
  for (const AddFile& add : swap.removed) {
    // A row that another writer removed meanwhile must not come back with our file.
    if (!same_table || !latest.files.contains(FileKey(add.path, add.deletion_vector))) {
      return Status(Code::kConflict,
                    "another writer changed rows of " + log.label() + " that were being moved",
                    "try again");
    }
    entry.removes.push_back(RemovalOf(add, now, swap.data_change));
  }
  for (const AddFile& add : swap.added) {
    entry.adds.push_back(add);
    entry.adds.back().data_change = swap.data_change;
  }
  entry.note = CommitNote{.timestamp = now,
                          .operation = swap.operation,
                          .parameters = swap.parameters,
                          .metrics = {{"numAddedFiles", std::to_string(entry.adds.size())},
                                      {"numRemovedFiles", std::to_string(entry.removes.size())}}};
  return std::optional(std::move(entry));
}

}  // namespace

Result<int64_t> SwapFiles(TableLog& log, const TableState& before, FileSwap& swap, Time now,
                          std::string_view failpoint, std::stop_token stop) {
  auto build = [&](const TableStatePtr& latest) {
    return EntryOf(log, before, *latest, swap, ToMillis(now));
  };
  bool may_be_there = false;
  Result<PutOutcome> put = PutEntry(log, build, failpoint, may_be_there, stop);
  if (!put.ok() && !may_be_there) RemoveStaged(log, swap.added);
  return TRY(std::move(put)).version;
}

}  // namespace millrace
