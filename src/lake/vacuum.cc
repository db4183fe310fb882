#include <algorithm>
#include <set>

#include "base/failpoint.h"
#include "lake/file_url.h"
#include "lake/maintenance.h"
#include "lake/table_features.h"

namespace millrace {

namespace {

// Files that go: a temporary one of a writer that was killed, wherever it lies; a data file that no
// entry names any more. Not those of the log, nor what other tools keep in hidden folders.
bool MayGo(const std::string& path, bool& temporary) {
  std::string name = path.substr(path.rfind('/') + 1);
  temporary = name.starts_with('.') && name.ends_with(".tmp");
  if (temporary) return true;
  size_t start = 0;
  while (start < path.size()) {
    // A partition folder may begin with '_' as its column does; then it has a '='.
    size_t end = std::min(path.find('/', start), path.size());
    std::string part = path.substr(start, end - start);
    bool hidden = part.starts_with('_') || part.starts_with('.');
    if (hidden && part.find('=') == part.npos) return false;
    start = end + 1;
  }
  return true;
}

// While writers are at work a younger file may be one that their entry is about to name.
constexpr Micros kLongestWrite = std::chrono::days(1);

struct Names {
  std::set<std::string> needed;   // by some version since the cutoff
  std::set<std::string> removed;  // by an entry: nobody is about to name them for the first time
};

// Relative paths. The entries are asked one by one, newest first, rather than the tombstones alone:
// not all are kept. `unnamed_cutoff`: older files may go though no entry removed them.
Result<Names> NamesSince(TableLog& log, const TableState& latest, Time cutoff,
                         Time unnamed_cutoff) {
  Names names;
  const std::string uri = log.context().storage.Uri(log.folder()) + "/";
  auto local = [&](const std::string& url) {
    // A whole path may lead into the table's own folder, too.
    std::string path = DecodePath(url);
    return path.starts_with(uri) ? path.substr(uri.size()) : path;
  };
  for (const auto& [key, file] : latest.files) names.needed.insert(local(file->action.path));
  for (const auto& [key, file] : latest.tombstones) {
    const RemoveFile& remove = file->action;
    // Without a time it counts as old, as the protocol says.
    bool young = FromMillis(remove.deleted.value_or(0)) > cutoff;
    (young ? names.needed : names.removed).insert(local(remove.path));
  }
  for (int64_t version = latest.version; version >= 0; --version) {
    Result<LogEntry> entry = log.ReadEntry(version);
    if (entry.code() == Code::kNotFound) break;
    LogEntry read = TRY(std::move(entry));
    Time at = FromMillis(*read.note->timestamp);
    if (at < std::min(cutoff, unnamed_cutoff)) break;
    // What this version removed was there until then.
    for (const RemoveFile& remove : read.removes)
      (at > cutoff ? names.needed : names.removed).insert(local(remove.path));
    if (at <= cutoff) continue;
    for (const AddFile& add : read.adds) names.needed.insert(local(add.path));
  }
  return names;
}

}  // namespace

// Writers keep out while it works. Where some are at work already, and where they are on another
// machine and the lock does not reach them, the age of a file that no entry names protects it.
Result<VacuumResult> VacuumTable(TableLog& log, Micros retention, bool dry_run, Time now) {
  if (retention < Micros(0)) return Invalid("the retention of a vacuum must not be negative");
  Storage& storage = log.context().storage;
  // No folder is made for a table that is not there.
  TRY(CheckWritable(*TRY(log.Latest()), WriteKind::kAppend).In(log.label()));
  auto lock = TRY(log.TryLockForVacuum());
  // Before the log: a file that gets its entry in between is then not listed, or named already.
  std::vector<FileInfo> files = TRY(storage.List(log.folder()));
  Time cutoff = now - retention;
  Time unnamed_cutoff = lock ? cutoff : now - std::max<Micros>(retention, kLongestWrite);
  std::erase_if(files, [&](const FileInfo& file) { return file.modified > cutoff; });
  Names names;
  if (!files.empty())
    names = TRY(NamesSince(log, *TRY(log.Latest()), cutoff, unnamed_cutoff));
  VacuumResult result;
  for (const FileInfo& file : files) {
    std::string path = file.path.substr(log.folder().size() + 1);
    bool temporary = false;
    if (!MayGo(path, temporary) || names.needed.contains(path)) continue;
    if (file.modified > (names.removed.contains(path) ? cutoff : unnamed_cutoff)) continue;
    ++result.files;
    result.bytes += file.size;
    result.paths.push_back(path);
    if (dry_run) continue;
    TRY(Failpoint("lake.vacuum.each"));
    TRY(storage.Remove(file.path));
  }
  if (!dry_run) TRY(storage.RemoveUnfinished(log.folder() + "/", unnamed_cutoff));
  return result;
}

}  // namespace millrace
