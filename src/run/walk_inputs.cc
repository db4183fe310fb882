// How a walk opens its inputs, and hands them to the engine.
#include <algorithm>
#include <memory>

#include "base/text.h"
#include "engine/row_by_row.h"
#include "run/walk.h"

namespace millrace {

namespace {

// What a source gives, and how many rows it was.
class CountingReader final : public RowReader {
 public:
  CountingReader(Source& source, TaskRecord& counts)
      : reader_(ReadBySource(source)), counts_(counts) {}

  Result<std::optional<Rows>> Next(std::stop_token stop) override {
    std::optional<Rows> rows = TRY(reader_->Next(stop));
    if (rows) counts_.rows_in += rows->count();
    return rows;
  }

 private:
  const std::unique_ptr<RowReader> reader_;
  TaskRecord& counts_;
};

}  // namespace

Status Walk::OpenInputs(const Interval& interval, std::stop_token stop) {
  int64_t bytes = 0, rows = 0;
  for (WalkInput& input : inputs) {
    if (TriesRejectsAgain(interval)) break;
    const std::string& name = input.input->name;
    Range range;
    if (auto begin = interval.commit.begin.find(name); begin != interval.commit.begin.end())
      range.begin = begin->second;
    if (auto end = interval.commit.end.find(name); end != interval.commit.end.end())
      range.end = end->second;
    Status status = input.source->Open(range, stop);
    if (!status.ok()) return status.In("input '" + name + "'");
    input.info = input.source->Info();
    if (interval.commit.refresh && input.info.removed > 0) {
      return Invalid("input '" + name + "': a full refresh would lose the rows of " +
                         FormatCount(input.info.removed) +
                         " landed files that lake.retention.landing removed",
                     "restore an earlier version of the target, or write to another one");
    }
    if (input.info.removed > 0)
      Say("input '" + name + "': " + FormatCount(input.info.removed) +
                " landed files are not read: lake.retention.landing removed them");
    bytes += std::max<int64_t>(input.info.bytes, 0);
    rows += std::max<int64_t>(input.info.rows, 0);
  }
  for (Pin& pin : pins) {
    TRY(OpenPin(pin, interval));
    bool counted = std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) {
      return input.input->traits.reads == pin.name;
    });
    if (counted || !pin.snapshot) continue;
    bytes += std::max<int64_t>(pin.snapshot->bytes(), 0);
    rows += std::max<int64_t>(pin.snapshot->rows(), 0);
  }
  counts.bytes_in = bytes;
  counts.rows_in = rows;
  progress_.Total(bytes);
  return Status::Ok();
}

Status Walk::BindInput(WalkInput& input, std::stop_token stop) {
  const std::string& name = input.input->name;
  if (std::optional<Sql> scan = TRY(input.source->NativeScan(*session_)))
    return session_->Define(name, *scan);
  TRY(session_->Bind(name, std::make_unique<CountingReader>(*input.source, counts), stop));
  if (inputs.size() == 1 && pins.empty() && SomebodyReads()) {
    if (!reads_once_) {
      Result<bool> row_by_row = IsRowByRow(*session_, TaskSql());
      reads_once_ = row_by_row.ok() && *row_by_row;
    }
    if (*reads_once_) return Status::Ok();
  }
  // A statement may read its input twice; a source is read once.
  std::string kept = "millrace_kept_" + name;
  TRY(session_->Materialize(kept, {"SELECT * FROM " + SqlName(name)}, stop));
  return session_->Define(name, {"SELECT * FROM " + SqlName(kept)});
}

bool Walk::SomebodyReads() const {
  return !task.checks.empty() ||
         std::any_of(outputs.begin(), outputs.end(),
                     [](const auto& output) { return output.sink->TakesRows(); });
}

Sql Walk::TaskSql() const {
  if (!task.sql.empty()) return {ResolveRun(task.sql, values_)};
  return {"SELECT * FROM " + SqlName(inputs.empty() ? "input" : inputs.front().input->name)};
}

}  // namespace millrace
