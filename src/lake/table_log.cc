#include "lake/table_log.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "lake/checkpoint.h"
#include "lake/log_file_name.h"
#include "lake/table_features.h"

namespace millrace {

namespace {
// Hidden: neither a data file nor part of the log to any reader.
constexpr const char* kLockFile = "/_delta_log/.writers.lock";
// Looked at twice. Listings and looks at one file may tell its time to another precision.
bool IsSame(const FileInfo& a, const FileInfo& b) {
  bool by_etag = !a.etag.empty() && !b.etag.empty();
  return a.size == b.size && (by_etag ? a.etag == b.etag : a.modified == b.modified);
}

}  // namespace

// What _delta_log holds.
struct TableLog::Listing {
  std::map<int64_t, FileInfo> entries;
  // Each inner list is one whole checkpoint: its file or all its parts.
  std::map<int64_t, std::vector<std::vector<std::string>>> checkpoints;

  int64_t Newest() const {
    int64_t newest = -1;
    if (!entries.empty()) newest = entries.rbegin()->first;
    if (!checkpoints.empty()) newest = std::max(newest, checkpoints.rbegin()->first);
    return newest;
  }
};

std::optional<StateCache::Known> StateCache::Find(const std::string& folder) const {
  std::lock_guard lock(mutex_);
  auto found = known_.find(folder);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void StateCache::Keep(const std::string& folder, Known known) {
  std::lock_guard lock(mutex_);
  Known& kept = known_[folder];
  if (!kept.state || kept.state->version <= known.state->version) kept = std::move(known);
}

void StateCache::Forget(const std::string& folder) {
  std::lock_guard lock(mutex_);
  known_.erase(folder);
}

TableLog::TableLog(LogContext context, std::string folder, std::string label)
    : context_(context), folder_(std::move(folder)), label_(std::move(label)) {}

std::string TableLog::EntryPath(int64_t version) const {
  return folder_ + "/_delta_log/" + EntryName(version);
}

Status TableLog::Gone() const {
  return NotFound("table " + label_ + " does not exist",
                  "run the task that writes it, or see `millrace tables` for what there is");
}

Result<LogEntry> TableLog::ReadEntry(int64_t version) {
  std::string text = TRY(context_.storage.Read(EntryPath(version)));
  Result<LogEntry> entry = ParseLogEntry(text);
  if (!entry.ok()) {
    return entry.status().In("log entry " + std::to_string(version) + " of " + label_);
  }
  if (!entry->note) entry->note.emplace();
  if (!entry->note->timestamp) {
    // Optional by the protocol: then the file's own time counts.
    entry->note->timestamp = ToMillis(TRY(context_.storage.Stat(EntryPath(version))).modified);
  }
  return entry;
}

Status TableLog::Put(int64_t version, const std::string& text) {
  return context_.storage.PutIfAbsent(EntryPath(version), text);
}

Result<std::unique_ptr<StorageLock>> TableLog::LockForWriting(std::stop_token stop) {
  while (true) {
    auto lock = TRY(context_.storage.TryLock(folder_ + kLockFile, /*shared=*/true));
    if (lock) return lock;
    TRY(context_.clock.Sleep(std::chrono::milliseconds(20), stop));
  }
}

Result<std::unique_ptr<StorageLock>> TableLog::TryLockForVacuum() {
  return context_.storage.TryLock(folder_ + kLockFile, /*shared=*/false);
}

Result<bool> TableLog::IsThere(int64_t version, const std::string& text) {
  Result<std::string> found = context_.storage.Read(EntryPath(version));
  if (found.code() == Code::kNotFound) return false;
  return TRY(std::move(found)) == text;
}

Result<TableStatePtr> TableLog::Follow(const TableState& base, const std::string& text) {
  auto state = std::make_shared<TableState>(base);
  TRY(state->Apply(TRY(ParseLogEntry(text))));
  ++state->version;
  FileInfo entry = TRY(context_.storage.Stat(EntryPath(state->version)));
  bool ours = entry.size == static_cast<int64_t>(text.size());
  if (!ours) return At(state->version);  // the table was made anew since
  context_.cache.Keep(folder_, {state, std::move(entry)});
  return TableStatePtr(state);
}

Result<TableLog::Listing> TableLog::List() {
  Listing listing;
  std::map<int64_t, std::map<int, std::vector<std::string>>> in_parts;
  std::string log = folder_ + "/_delta_log";
  for (FileInfo& file : TRY(context_.storage.List(log))) {
    std::optional<LogFileName> name = ParseLogFileName(file.path.substr(log.size() + 1));
    if (!name) continue;
    if (name->kind == LogFileName::Kind::kEntry) {
      listing.entries.emplace(name->version, std::move(file));
    } else if (name->parts == 1) {
      listing.checkpoints[name->version].push_back({file.path});
    } else {
      in_parts[name->version][name->parts].push_back(file.path);
    }
  }
  for (auto& [version, sets] : in_parts) {
    for (auto& [parts, files] : sets) {
      // A set that lacks a part was never finished.
      if (static_cast<int>(files.size()) == parts) {
        listing.checkpoints[version].push_back(std::move(files));
      }
    }
  }
  return listing;
}

Status TableLog::ReadCheckpoint(const std::vector<std::string>& files, LogEntry& into) {
  return ReadCheckpointFiles(context_, folder_, files, into);
}

// From a checkpoint, or from nothing where `checkpoint` is -1.
Result<TableState> TableLog::ReplayFrom(const Listing& listing, int64_t checkpoint, int64_t upto) {
  TableState state;
  if (checkpoint >= 0) {
    Status failed = NotFound("no checkpoint");
    for (const std::vector<std::string>& files : listing.checkpoints.at(checkpoint)) {
      LogEntry entry;
      failed = ReadCheckpoint(files, entry);
      if (!failed.ok()) continue;
      state.version = checkpoint;
      TRY(state.Apply(entry));
      state.committed = TRY(context_.storage.Stat(files.front())).modified;
      break;
    }
    TRY(failed);
    // The entry itself may still be there: it knows the time and the position better.
    Result<LogEntry> entry = ReadEntry(checkpoint);
    if (entry.ok()) {
      state.committed = {};
      TRY(state.Apply({.note = entry->note, .txns = entry->txns}));
    }
  }
  while (state.version < upto) {
    auto next = listing.entries.find(state.version + 1);
    if (next == listing.entries.end()) {
      return Invalid("the log of " + label_ + " lacks version " + std::to_string(state.version + 1),
                     "restore the missing file " + EntryPath(state.version + 1));
    }
    Status applied = state.Apply(TRY(ReadEntry(next->first)));
    if (!applied.ok())
      return applied.In("version " + std::to_string(next->first) + " of " + label_);
    ++state.version;
  }
  return state;
}

// The newest checkpoint that can be read is the start; a broken one costs time, not the table.
Result<TableState> TableLog::Replay(const Listing& listing, int64_t upto) {
  std::optional<Status> failure;
  auto begin = listing.checkpoints.upper_bound(upto);
  while (begin != listing.checkpoints.begin()) {
    --begin;
    Result<TableState> state = ReplayFrom(listing, begin->first, upto);
    if (state.ok()) return state;
    if (!failure) failure = state.status();
  }
  if (failure && !listing.entries.contains(0)) return *failure;
  return ReplayFrom(listing, -1, upto);
}

Result<FileInfo> TableLog::CatchUp(TableState& state, FileInfo last) {
  while (true) {
    int64_t version = state.version + 1;
    Result<LogEntry> entry = ReadEntry(version);
    if (entry.code() == Code::kNotFound) return last;
    Status applied = state.Apply(TRY(std::move(entry)));
    if (!applied.ok()) return applied.In("version " + std::to_string(version) + " of " + label_);
    state.version = version;
    last = TRY(context_.storage.Stat(EntryPath(version)));
  }
}

// nullptr: the files are no longer those that the state was read from.
Result<TableStatePtr> TableLog::LatestFromCache(const StateCache::Known& known) {
  Storage& storage = context_.storage;
  std::string newest = EntryPath(known.state->version), next = EntryPath(known.state->version + 1);
  std::vector<FileInfo> there = TRY(storage.Find({newest, next}));
  if (there.empty() || there.front().path != newest || !IsSame(there.front(), known.entry)) {
    context_.cache.Forget(folder_);
    return TableStatePtr();
  }
  if (there.size() == 1) return known.state;
  auto state = std::make_shared<TableState>(*known.state);
  FileInfo last = TRY(CatchUp(*state, known.entry));
  TRY(CheckReadable(state->protocol).In("table " + label_));
  context_.cache.Keep(folder_, {state, last});
  return TableStatePtr(state);
}

Result<TableStatePtr> TableLog::LatestFromFiles(const Listing& listing) {
  int64_t newest = listing.Newest();
  auto state = std::make_shared<TableState>(TRY(Replay(listing, newest)));
  FileInfo last;
  if (auto entry = listing.entries.find(newest); entry != listing.entries.end()) {
    last = entry->second;
  }
  // Others may have gone on since the listing.
  last = TRY(CatchUp(*state, last));
  TRY(state->CheckWhole().In("table " + label_));
  TRY(CheckReadable(state->protocol).In("table " + label_));
  context_.cache.Keep(folder_, {state, last});
  return TableStatePtr(state);
}

Result<TableStatePtr> TableLog::Latest() {
  if (auto known = context_.cache.Find(folder_)) {
    TableStatePtr state = TRY(LatestFromCache(*known));
    if (state) return state;
  }
  Listing listing = TRY(List());
  if (listing.Newest() < 0) return Gone();
  Result<TableStatePtr> state = LatestFromFiles(listing);
  if (state.code() != Code::kNotFound || TRY(List()).Newest() < 0) return state;
  // A file went while it was read, as when another tool cleans the log. Whoever took this for "no
  // table" would begin a second log.
  return Status(Code::kUnavailable, state.status().message(), "the log changed while it was read");
}

Result<TableStatePtr> TableLog::At(int64_t version) {
  TableStatePtr latest = TRY(Latest());
  if (latest->version == version) return latest;
  if (version < 0 || version > latest->version) {
    return NotFound(label_ + " has no version " + std::to_string(version) + ": the newest is " +
                    std::to_string(latest->version));
  }
  auto state = std::make_shared<TableState>(TRY(Replay(TRY(List()), version)));
  TRY(state->CheckWhole().In("table " + label_));
  TRY(CheckReadable(state->protocol).In("table " + label_));
  return TableStatePtr(state);
}

Result<TableStatePtr> TableLog::At(const AsOf& as_of) {
  if (as_of.version) return At(*as_of.version);
  TableStatePtr latest = TRY(Latest());
  if (!as_of.time || latest->committed <= *as_of.time) return latest;
  return At(TRY(VersionAt(*as_of.time, *latest)));
}

// The newest version committed at or before `time`: versions are in order of time, so half of those
// in question fall away with each look.
Result<int64_t> TableLog::VersionAt(Time time, const TableState& newest) {
  Listing listing = TRY(List());
  int64_t low = listing.entries.empty() ? newest.version : listing.entries.begin()->first;
  while (low < newest.version && !listing.entries.contains(low + 1)) ++low;
  int64_t first = low, high = newest.version;  // high is later than `time`
  auto committed = [&](int64_t version) -> Result<Time> {
    return FromMillis(*TRY(ReadEntry(version)).note->timestamp);
  };
  if (low == high || TRY(committed(first)) > time) {
    return NotFound(label_ + " has no version as old as " + FormatTime(time) +
                    ": its oldest known is " + std::to_string(first));
  }
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    (TRY(committed(middle)) <= time ? low : high) = middle;
  }
  return low;
}

Status TableLog::WriteCheckpoint(const TableState& state) {
  return WriteCheckpointFile(context_, folder_, state);
}

}  // namespace millrace
