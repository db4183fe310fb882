#include "base/failpoint.h"
#include "base/text.h"
#include "lake/maintenance.h"
#include "lake/rewrite.h"
#include "lake/swap_files.h"
#include "lake/table_features.h"

namespace millrace {

namespace {

int64_t RowsOf(const std::vector<AddFile>& files) {
  int64_t rows = 0;
  for (const AddFile& file : files) rows += std::max<int64_t>(RowsInStats(file.stats), 0);
  return rows;
}

Result<int64_t> DeleteOnce(TableLog& log, Session& session, const std::string& column, Time before,
                           Time now, std::stop_token stop) {
  TableStatePtr state = TRY(log.Latest());
  TRY(CheckWritable(*state, WriteKind::kRewrite).In(log.label()));
  if (!state->schema.Find(column))
    return Invalid(log.label() + " has no column '" + column + "'");
  auto lock = TRY(log.LockForWriting(stop));
  std::string than = "CAST(" + SqlLiteral(FormatTime(before)) + " AS TIMESTAMPTZ)";
  RewriteRequest request{.schema = state->schema,
                         .gone = "t." + SqlName(column) + " < " + than};
  Rewritten rewritten =
      TRY(RewriteFiles(log, session, *state, request,
                       {.partition_by = state->metadata.partition_by}, stop));
  if (rewritten.removed.empty()) return 0;
  int64_t rows = RowsOf(rewritten.removed) - rewritten.staged.rows;
  FileSwap swap{.operation = "DELETE",
                .parameters = {{"predicate", column + " < " + FormatTime(before)}},
                .data_change = true,
                .added = std::move(rewritten.staged.adds),
                .removed = std::move(rewritten.removed)};
  TRY(SwapFiles(log, *state, swap, now, "lake.delete", stop));
  return rows;
}

}  // namespace

Result<int64_t> DeleteOlderRows(TableLog& log, Session& session, const std::string& column,
                                Time before, Time now, std::stop_token stop) {
  return WhileOthersWrite([&] { return DeleteOnce(log, session, column, before, now, stop); });
}

}  // namespace millrace
