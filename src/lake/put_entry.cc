#include "lake/put_entry.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/failpoint.h"

namespace millrace {

namespace {

constexpr int kMaxTries = 100;
// A checkpoint costs as much as the table has files: then it comes later.
constexpr int64_t kEntriesPerCheckpoint = 10, kFilesPerEntry = 50;

// Writers that collided once must not meet again: each waits a random while, longer from try to
// try.
Micros WaitAfter(int tries) {
  static thread_local std::minstd_rand random(std::random_device{}());
  int64_t longest = std::min<int64_t>(5'000 << std::min(tries, 8), 500'000);
  return Micros(std::uniform_int_distribution<int64_t>(0, longest)(random));
}

bool CheckpointIsDue(const TableState& state) {
  auto files = static_cast<int64_t>(state.files.size() + state.tombstones.size());
  int64_t interval = std::max(kEntriesPerCheckpoint, files / kFilesPerEntry);
  auto set = state.metadata.configuration.find("delta.checkpointInterval");
  if (set != state.metadata.configuration.end()) {
    interval = std::strtoll(set->second.c_str(), nullptr, 10);
  }
  return state.version > 0 && interval > 0 && state.version % interval == 0;
}

// The entry is in the log: whether the checkpoint succeeds changes only how fast the next reader
// is.
void CheckpointIfDue(TableLog& log, const TableState& base, const std::string& text) {
  Result<TableStatePtr> state = log.Follow(base, text);
  if (state.ok() && CheckpointIsDue(**state)) (void)log.WriteCheckpoint(**state);
}

}  // namespace

Result<TableStatePtr> LatestOrNone(TableLog& log) {
  Result<TableStatePtr> latest = log.Latest();
  if (latest.code() == Code::kNotFound) return TableStatePtr(std::make_shared<TableState>());
  return latest;
}

Result<PutOutcome> PutEntry(TableLog& log, const EntryBuilder& build, std::string_view failpoint,
                            bool& may_be_there, std::stop_token stop, TableStatePtr none) {
  const std::string point(failpoint);
  for (int tries = 0; tries < kMaxTries; ++tries) {
    if (stop.stop_requested()) return Canceled();
    // Where there is a table by now, the put is refused.
    TableStatePtr latest = none ? std::exchange(none, nullptr) : TRY(LatestOrNone(log));
    std::optional<LogEntry> entry = TRY(build(latest));
    if (!entry) return PutOutcome{latest->version, false};
    TRY(Failpoint(point + ".before_log"));
    int64_t version = latest->version + 1;
    std::string text = PrintLogEntry(*entry);
    Status status = log.Put(version, text);
    if (status.code() == Code::kConflict) {
      TRY(log.context().clock.Sleep(WaitAfter(tries), stop));
      continue;
    }
    // Any other failure may have come after the entry got its name. Unless it surely did not, it
    // counts as there: a retry of the caller finds its txn.
    Result<bool> there = status.ok() ? Result<bool>(true) : log.IsThere(version, text);
    may_be_there = !there.ok() || *there;
    TRY(status.In("version " + std::to_string(version) + " of " + log.label()));
    TRY(Failpoint(point + ".after_log"));
    CheckpointIfDue(log, *latest, text);
    return PutOutcome{version, true};
  }
  return Status(
      Code::kConflict,
      "others wrote to " + log.label() + " before each of " + std::to_string(kMaxTries) + " tries",
      "try again, or let fewer tasks write to the table at once");
}

}  // namespace millrace
