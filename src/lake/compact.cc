#include <algorithm>
#include <map>

#include "base/failpoint.h"
#include "lake/maintenance.h"
#include "lake/rewrite.h"
#include "lake/scan.h"
#include "lake/swap_files.h"
#include "lake/table_features.h"

namespace millrace {

namespace {

// Files of one partition that become one file.
using Bin = std::vector<AddFile>;
constexpr int kMostRounds = 4;  // of 1000 files, each of 1000 files …

constexpr int64_t kSmallest = int64_t{1} << 20;  // bytes; below it rewriting costs next to nothing

struct Packed {
  std::vector<Bin> bins;
  bool cut = false;  // a bin could have been larger, but for the number of its files
};

// Small files, in order of their size, until a bin is full. A file that has nearly the size stays.
Packed PackBins(const TableState& state, const CompactOptions& options) {
  const int64_t target_size = options.target_size;
  std::map<PartitionValues, std::vector<AddFile>> partitions;
  for (const auto& [key, file] : state.files) {
    const AddFile& add = file->action;
    if (add.size < target_size - target_size / 4) partitions[add.partition].push_back(add);
  }
  Packed packed;
  std::vector<Bin>& bins = packed.bins;
  for (auto& [values, files] : partitions) {
    std::ranges::stable_sort(files, {}, &AddFile::size);
    Bin bin;
    int64_t size = 0;
    for (AddFile& file : files) {
      bool full = size + file.size > target_size ||
                  (options.in_steps && file.size > std::max(size, kSmallest));
      bool many = bin.size() == options.most_files;
      packed.cut = packed.cut || (many && !full && !options.in_steps);
      if (!bin.empty() && (full || many)) {
        bins.push_back(std::exchange(bin, {}));
        size = 0;
      }
      size += file.size;
      bin.push_back(std::move(file));
    }
    bins.push_back(std::move(bin));
  }
  std::erase_if(bins, [](const Bin& bin) { return bin.size() < 2; });
  return packed;
}

Status CompactBin(TableLog& log, Session& session, const TableState& state, const Bin& bin,
                  int64_t target_size, FileSwap& done, std::stop_token stop) {
  std::vector<DataFile> files;
  for (const AddFile& add : bin) files.push_back(ToDataFile(add));
  const std::vector<std::string>& partition_by = state.metadata.partition_by;
  TableFolder folder{log.context().storage, log.folder()};
  TRY(Reach(log.context().reach, files, folder));
  Sql rows = ScanFiles(files, state.schema, partition_by, folder);
  // Twice the target: a bin makes one file, not one and a rest.
  StageOptions options{.partition_by = partition_by, .target_file_size = target_size * 2};
  StagedFiles staged = TRY(StageRows(log, session, rows, state.schema, options, stop));
  for (AddFile& add : staged.adds) done.added.push_back(std::move(add));
  done.removed.insert(done.removed.end(), bin.begin(), bin.end());
  return Status::Ok();
}

struct Round {
  int64_t version = 0;  // of the table, then
  bool cut = false;
};

Result<Round> CompactOnce(TableLog& log, Session& session, const CompactOptions& compaction,
                          Time now, std::stop_token stop) {
  const int64_t target_size = compaction.target_size;
  TableStatePtr before = TRY(log.Latest());
  TRY(CheckWritable(*before, WriteKind::kRewrite).In(log.label()));
  const Packed packed = PackBins(*before, compaction);
  if (packed.bins.empty()) return Round{before->version};
  auto lock = TRY(log.LockForWriting(stop));
  FileSwap done{.operation = "OPTIMIZE",
                .parameters = {{"targetSize", std::to_string(target_size)}},
                .data_change = false};
  auto stage = [&]() -> Status {
    for (const Bin& bin : packed.bins)
      TRY(CompactBin(log, session, *before, bin, target_size, done, stop));
    return Failpoint("lake.compact.staged");
  };
  if (Status staged = stage(); !staged.ok()) {
    RemoveStaged(log, done.added);
    return staged;
  }
  return Round{TRY(SwapFiles(log, *before, done, now, "lake.compact", stop)), packed.cut};
}

}  // namespace

Result<int64_t> CompactTable(TableLog& log, Session& session, const CompactOptions& options,
                             Time now, std::stop_token stop) {
  if (options.target_size <= 0)
    return Invalid("the target size of a compaction must be above zero");
  Round round;
  for (int i = 0; i < kMostRounds && (i == 0 || round.cut); ++i)
    round = TRY(WhileOthersWrite([&] { return CompactOnce(log, session, options, now, stop); }));
  return round.version;
}

}  // namespace millrace
