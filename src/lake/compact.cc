#include <algorithm>
#include <map>

#include "base/failpoint.h"
#include "lake/maintenance.h"
#include "lake/put_entry.h"
#include "lake/rewrite.h"
#include "lake/scan.h"
#include "lake/table_features.h"

namespace millrace {

namespace {

// Files of one partition that become one file.
using Bin = std::vector<AddFile>;

// Small files, in order of their size, until a bin is full. A file that has nearly the size stays.
std::vector<Bin> PackBins(const TableState& state, int64_t target_size) {
  std::map<PartitionValues, std::vector<AddFile>> partitions;
  for (const auto& [key, add] : state.files) {
    if (add.size < target_size - target_size / 4) partitions[add.partition].push_back(add);
  }
  std::vector<Bin> bins;
  for (auto& [values, files] : partitions) {
    std::ranges::stable_sort(files, {}, &AddFile::size);
    Bin bin;
    int64_t size = 0;
    for (AddFile& file : files) {
      if (!bin.empty() && size + file.size > target_size) {
        bins.push_back(std::exchange(bin, {}));
        size = 0;
      }
      size += file.size;
      bin.push_back(std::move(file));
    }
    bins.push_back(std::move(bin));
  }
  std::erase_if(bins, [](const Bin& bin) { return bin.size() < 2; });
  return bins;
}

// The rows stay the same: readers of changes pass both over.
struct Compacted {
  std::vector<AddFile> added, removed;
};

Status CompactBin(TableLog& log, Session& session, const TableState& state, const Bin& bin,
                  int64_t target_size, Compacted& done, std::stop_token stop) {
  std::vector<DataFile> files;
  for (const AddFile& add : bin) files.push_back(ToDataFile(add));
  const std::vector<std::string>& partition_by = state.metadata.partition_by;
  Sql rows = ScanFiles(files, state.schema, partition_by, log.context().storage.Uri(log.folder()));
  // Twice the target: a bin makes one file, not one and a rest.
  StageOptions options{.partition_by = partition_by, .target_file_size = target_size * 2};
  StagedFiles staged = TRY(StageRows(log, session, rows, state.schema, options, stop));
  for (AddFile& add : staged.adds) {
    add.data_change = false;
    done.added.push_back(std::move(add));
  }
  done.removed.insert(done.removed.end(), bin.begin(), bin.end());
  return Status::Ok();
}

Result<std::optional<LogEntry>> EntryToCompact(TableLog& log, const TableState& before,
                                               const TableState& latest, const Compacted& done,
                                               int64_t target_size, int64_t now) {
  bool same_table = latest.metadata.id == before.metadata.id &&
                    latest.metadata.schema_json == before.metadata.schema_json &&
                    latest.metadata.partition_by == before.metadata.partition_by;
  LogEntry entry;
  for (const AddFile& add : done.removed) {
    // A row that another writer removed meanwhile must not come back with our file.
    if (!same_table || !latest.files.contains(FileKey(add.path, add.deletion_vector))) {
      return Status(Code::kConflict,
                    "another writer changed rows of " + log.label() + " that were being compacted",
                    "compact again");
    }
    entry.removes.push_back(RemovalOf(add, now, false));
  }
  entry.adds = done.added;
  entry.note = CommitNote{.timestamp = now,
                          .operation = "OPTIMIZE",
                          .parameters = {{"targetSize", std::to_string(target_size)}},
                          .metrics = {{"numAddedFiles", std::to_string(entry.adds.size())},
                                      {"numRemovedFiles", std::to_string(entry.removes.size())}}};
  return std::optional(std::move(entry));
}

Result<int64_t> CompactOnce(TableLog& log, Session& session, int64_t target_size, Time now,
                            std::stop_token stop) {
  TableStatePtr before = TRY(log.Latest());
  TRY(CheckWritable(*before, WriteKind::kRewrite).In(log.label()));
  std::vector<Bin> bins = PackBins(*before, target_size);
  if (bins.empty()) return before->version;
  auto lock = TRY(log.LockForWriting(stop));
  Compacted done;
  bool may_be_there = false;
  auto run = [&]() -> Result<int64_t> {
    for (const Bin& bin : bins)
      TRY(CompactBin(log, session, *before, bin, target_size, done, stop));
    TRY(Failpoint("lake.compact.staged"));
    auto build = [&](const TableStatePtr& latest) {
      return EntryToCompact(log, *before, *latest, done, target_size, ToMillis(now));
    };
    return TRY(PutEntry(log, build, "lake.compact", may_be_there, stop)).version;
  };
  Result<int64_t> version = run();
  if (!version.ok() && !may_be_there) RemoveStaged(log, done.added);
  return version;
}

}  // namespace

Result<int64_t> CompactTable(TableLog& log, Session& session, int64_t target_size, Time now,
                             std::stop_token stop) {
  if (target_size <= 0) return Invalid("the target size of a compaction must be above zero");
  constexpr int kTries = 5;
  for (int tries = 1;; ++tries) {
    Result<int64_t> version = CompactOnce(log, session, target_size, now, stop);
    if (version.code() != Code::kConflict || tries == kTries) return version;
  }
}

}  // namespace millrace
