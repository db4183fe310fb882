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

// Files of one partition that become one file. The engine has all of them open at once.
using Bin = std::vector<AddFile>;
constexpr size_t kMostFilesOfBin = 1000;

constexpr int64_t kSmallest = int64_t{1} << 20;  // bytes; below it rewriting costs next to nothing

// Small files, in order of their size, until a bin is full. A file that has nearly the size stays.
std::vector<Bin> PackBins(const TableState& state, const CompactOptions& options) {
  const int64_t target_size = options.target_size;
  std::map<PartitionValues, std::vector<AddFile>> partitions;
  for (const auto& [key, file] : state.files) {
    const AddFile& add = file->action;
    if (add.size < target_size - target_size / 4) partitions[add.partition].push_back(add);
  }
  std::vector<Bin> bins;
  for (auto& [values, files] : partitions) {
    std::ranges::stable_sort(files, {}, &AddFile::size);
    Bin bin;
    int64_t size = 0;
    for (AddFile& file : files) {
      bool full = size + file.size > target_size || bin.size() == kMostFilesOfBin ||
                  (options.in_steps && file.size > std::max(size, kSmallest));
      if (!bin.empty() && full) {
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

Result<int64_t> CompactOnce(TableLog& log, Session& session, const CompactOptions& compaction,
                            Time now, std::stop_token stop) {
  const int64_t target_size = compaction.target_size;
  TableStatePtr before = TRY(log.Latest());
  TRY(CheckWritable(*before, WriteKind::kRewrite).In(log.label()));
  std::vector<Bin> bins = PackBins(*before, compaction);
  if (bins.empty()) return before->version;
  auto lock = TRY(log.LockForWriting(stop));
  FileSwap done{.operation = "OPTIMIZE",
                .parameters = {{"targetSize", std::to_string(target_size)}},
                .data_change = false};
  auto stage = [&]() -> Status {
    for (const Bin& bin : bins)
      TRY(CompactBin(log, session, *before, bin, target_size, done, stop));
    return Failpoint("lake.compact.staged");
  };
  if (Status staged = stage(); !staged.ok()) {
    RemoveStaged(log, done.added);
    return staged;
  }
  return SwapFiles(log, *before, done, now, "lake.compact", stop);
}

}  // namespace

Result<int64_t> CompactTable(TableLog& log, Session& session, const CompactOptions& options,
                             Time now, std::stop_token stop) {
  if (options.target_size <= 0)
    return Invalid("the target size of a compaction must be above zero");
  return WhileOthersWrite([&] { return CompactOnce(log, session, options, now, stop); });
}

}  // namespace millrace
