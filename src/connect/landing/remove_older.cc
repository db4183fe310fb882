#include <set>

#include "base/failpoint.h"
#include "connect/landing/landing.h"

namespace millrace::landing {

namespace {

constexpr int kTries = 100;  // while others land
constexpr const char* kTask = "millrace/retention";

std::vector<LandedFile> OlderThan(const Contents& contents, Time before) {
  std::vector<LandedFile> older;
  for (const auto& [name, versions] : contents.files) {
    for (const LandedFile& file : versions) {
      if (!file.removed && file.landed < before) older.push_back(file);
    }
  }
  return older;
}

// What no file that is there needs any more: content, and names whose newest content is removed.
std::vector<std::string> Unneeded(std::string_view name, const Contents& contents,
                                  const Places& places) {
  std::set<std::string> needed;
  std::vector<std::string> candidates, unneeded;
  for (const auto& [file, versions] : contents.files) {
    for (const LandedFile& each : versions) {
      if (each.removed) candidates.push_back(VersionPath(name, each));
      if (!each.removed) needed.insert(VersionPath(name, each));
    }
    if (versions.back().removed) candidates.push_back(FolderOf(name) + "/" + file);
  }
  for (std::string& path : candidates) {
    if (!needed.contains(path) && places.contains(path)) unneeded.push_back(std::move(path));
  }
  return unneeded;
}

Status PutRemoval(Storage& lake, std::string_view name, const Contents& contents,
                  std::vector<LandedFile> removed, Time now) {
  Manifest manifest;
  manifest.version = contents.version + 1;
  manifest.landing_id = contents.landing_id;
  auto last = contents.commits.find(kTask);
  manifest.commit = {kTask, last == contents.commits.end() ? 1 : last->second.sequence + 1};
  manifest.landed = now;
  manifest.removed = std::move(removed);
  return PutManifest(lake, name, manifest);
}

}  // namespace

// First the record, then the content: a kill in between leaves content that the next call removes.
Result<int64_t> RemoveOlder(Storage& lake, std::string_view name, Time before, Time now,
                            std::stop_token stop) {
  auto lock = TRY(lake.TryLock(FolderOf(name) + "/.manifest/lock", /*shared=*/false));
  if (!lock) return 0;  // somebody lands: another time
  Contents contents = TRY(Load(lake, name));
  int64_t removed = 0;
  for (int tries = 0; tries < kTries; ++tries) {
    std::vector<LandedFile> older = OlderThan(contents, before);
    if (older.empty()) break;
    if (stop.stop_requested()) return Canceled();
    removed = static_cast<int64_t>(older.size());
    Status put = PutRemoval(lake, name, contents, std::move(older), now);
    if (!put.ok() && put.code() != Code::kConflict) return put;
    contents = TRY(Load(lake, name));
  }
  TRY(Failpoint("landing.remove.before"));
  for (const std::string& path : Unneeded(name, contents, TRY(FindPlaces(lake, name)))) {
    if (stop.stop_requested()) return Canceled();
    TRY(lake.Remove(path));
  }
  return removed;
}

}  // namespace millrace::landing
