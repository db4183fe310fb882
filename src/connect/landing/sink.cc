#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

#include "base/failpoint.h"
#include "base/file_copy.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "base/text.h"
#include "connect/landing/config.h"
#include "connect/landing/landing.h"

namespace millrace::landing {

namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

constexpr int kMostConflicts = 1000;  // manifests that others put while this one is put
constexpr auto kLockPoll = std::chrono::milliseconds(20);
// Content that no manifest names, on a server: a commit that comes again takes it while it is
// young, and it is removed when no commit can still be about to name it.
constexpr Micros kTakenAgain = hours(24), kForgotten = hours(7 * 24);

Result<LandedFile> Measure(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return FromErrno("cannot read " + path, errno);
  if (!S_ISREG(info.st_mode)) return Invalid(path + " is not a file");
  LandedFile file;
  file.size = info.st_size;
  file.modified =
      Time(std::chrono::seconds(info.st_mtim.tv_sec) + Micros(info.st_mtim.tv_nsec / 1000));
  return file;
}

// A commit: new content goes durably to .versions under its hash, then the manifest is put, then
// the files get their names. Killed before the manifest, what lies in .versions is nobody's and is
// used when the commit comes again; killed after it, the names are put right by whoever comes next,
// and readers find the content by hash. Several may land at once, on several machines: who finds a
// manifest there puts its own behind it.
class LandingSink final : public Sink {
 public:
  LandingSink(std::string name, ConnectContext& context)
      : name_(std::move(name)),
        context_(context),
        lake_(context.lake.storage()),
        folder_(FolderOf(name_)),
        is_local_(IsLocal(lake_, folder_)) {}

  ~LandingSink() override { Discard(); }

  Status Probe(std::stop_token) override { return NewestVersion(lake_, name_).status(); }

  Result<std::optional<Committed>> LastCommit(std::string_view task,
                                              std::stop_token stop) override {
    Contents contents = TRY(Load(lake_, name_));
    auto found = contents.commits.find(task);
    std::optional<Committed> last;
    if (found != contents.commits.end()) last = found->second;
    // A commit that was killed while its files got their names is seen through here: nobody else
    // will.
    if (contents.version > 0) TRY(PutInPlace(contents, stop));
    return last;
  }

  Status Open(const Schema&, const WriteIntent&, std::stop_token) override { return Status::Ok(); }

  Status Write(const Rows&, std::stop_token) override {
    return Invalid("landing '" + name_ + "' takes whole files, not rows",
                   "use it with `from: {file: …}` and without `sql`");
  }

  bool TakesRows() const override { return false; }

  Result<WriteCount> TakeFiles(const std::vector<OfferedFile>& files,
                               std::stop_token stop) override {
    std::map<std::string, const OfferedFile*> taken;  // by name
    for (const OfferedFile& offered : files) {
      const std::string& path = offered.file.path;
      std::string file = fs::path(path).filename().string();
      auto [other, first] = taken.emplace(file, &offered);
      if (first || other->second->file.path == path) continue;
      return NameTaken(file, FromOf(path), FromOf(other->second->file.path));
    }
    lock_ = TRY(TakeLock(/*shared=*/true, stop));
    Contents contents = TRY(Load(lake_, name_));
    places_ = TRY(FindPlaces(lake_, name_));
    for (const auto& [file, offered] : taken) {
      LandedFile landed;
      landed.file = file;
      landed.from = FromOf(offered->file.path);
      TRY(CheckOrigin(contents, landed));
      staged_.push_back(std::move(landed));
    }
    auto take = [&](size_t i, std::stop_token stopped) {
      LandedFile& landed = staged_[i];
      return TakeFile(*taken.at(landed.file), landed, contents.Newest(landed.file),
                      std::move(stopped));
    };
    TRY(ForEachAtOnce(staged_.size(), lake_.AtOnce(), take, stop));
    // What did not change is not landed twice.
    std::erase_if(staged_, [&](const LandedFile& landed) { return Has(contents, landed); });
    WriteCount count;
    for (const LandedFile& file : staged_) count.bytes += file.size;
    TellWays();
    return count;
  }

  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    Contents contents = TRY(PutNewManifest(commit, stop));
    TRY(PutInPlace(contents, stop));
    staged_.clear();
    lock_.reset();
    std::set<std::string> named = NamedBy(contents);
    bool litter = std::ranges::any_of(
        places_, [&](const auto& each) { return IsLitter(each.second, named); });
    if (litter) Sweep();
    return Status::Ok();
  }

  std::string Target() const override { return folder_; }

 private:
  Status NameTaken(const std::string& file, const std::string& one,
                   const std::string& other) const {
    return Invalid("landing '" + name_ + "' keeps files by name, and there are two named " + file +
                       ": " + one + " and " + other,
                   "land them into landings of their own");
  }

  Status CheckOrigin(const Contents& contents, const LandedFile& file) const {
    const LandedFile* before = contents.Newest(file.file);
    if (!before || before->from == file.from) return Status::Ok();
    return NameTaken(file.file, file.from, before->from);
  }

  static bool Has(const Contents& contents, const LandedFile& file) {
    const LandedFile* before = contents.Newest(file.file);
    return before && before->sha256 == file.sha256;
  }

  // Shared by those who land, so that nobody sweeps what they brought; on this machine.
  Result<std::unique_ptr<StorageLock>> TakeLock(bool shared, std::stop_token stop) {
    std::mutex mutex;
    std::unique_lock wait(mutex);
    std::condition_variable_any never;
    while (true) {
      auto lock = TRY(lake_.TryLock(folder_ + "/.manifest/lock", shared));
      if (lock) return lock;
      never.wait_for(wait, stop, kLockPoll, [] { return false; });
      if (stop.stop_requested()) return Canceled();
    }
  }

  std::string FromOf(const std::string& path) const {
    std::string prefix = context_.folder + "/";
    return path.starts_with(prefix) ? path.substr(prefix.size()) : path;
  }

  // Sees to it that the content is in .versions; fills in what it is. From several threads.
  Status TakeFile(const OfferedFile& offered, LandedFile& landed, const LandedFile* before,
                  std::stop_token stop) {
    std::optional<ServerFile> remote;
    if (offered.source) remote = TRY(offered.source->OnServer(offered.file, stop));
    if (remote && !remote->sha256.empty()) {
      landed.sha256 = remote->sha256;
      landed.size = remote->size;
      landed.modified = offered.file.modified;
      if (before && before->sha256 == landed.sha256) return Status::Ok();
      if (TRY(IsThere(landed)) || TRY(CopyByServer(*remote, landed, stop))) return Status::Ok();
    }
    LocalFile local = offered.source ? TRY(offered.source->FetchFile(offered.file, stop))
                                     : LocalFile(offered.file.path);
    LandedFile measured = TRY(Measure(local.path()));
    landed.size = measured.size;
    landed.modified = measured.modified;
    const SourceFile& known = offered.file;
    bool same = remote || (known.size == landed.size && known.modified == landed.modified);
    if (landed.sha256.empty() && same) landed.sha256 = known.sha256;
    if (landed.sha256.empty()) landed.sha256 = TRY(CopyFile(local.path(), "", stop)).sha256;
    if (before && before->sha256 == landed.sha256) return Status::Ok();
    if (TRY(IsThere(landed))) return Status::Ok();
    TRY(Failpoint("landing.put.before"));
    TRY(lake_.PutFile(VersionPath(name_, landed), local.path(), landed.sha256, stop));
    ++sent_;
    return Failpoint("landing.put.after");
  }

  // Left by a commit that was killed, or of another time.
  Result<bool> IsThere(const LandedFile& landed) {
    auto found = places_.find(VersionPath(name_, landed));
    if (found == places_.end() || found->second.size != landed.size) return false;
    if (is_local_) return found->second.modified == landed.modified;
    if (context_.env.clock.Now() - found->second.modified > kTakenAgain) return false;
    if (TRY(lake_.Stat(found->first)).sha256 != landed.sha256) return false;
    ++found_;
    return true;
  }

  Result<bool> CopyByServer(const ServerFile& from, const LandedFile& landed,
                            std::stop_token stop) {
    TRY(Failpoint("landing.put.before"));
    Result<bool> copied = lake_.CopyFrom(from, VersionPath(name_, landed), std::move(stop));
    if (copied.code() == Code::kInvalid) {  // the lake's keys may not read there: ours may
      std::lock_guard lock(mutex_);
      refused_ = copied.status().message();
      return false;
    }
    if (!TRY(std::move(copied))) return false;
    ++copied_;
    TRY(Failpoint("landing.put.after"));
    return true;
  }

  void TellWays() {
    if (!context_.log || is_local_) return;
    std::string text = folder_ + ": " + FormatCount(sent_) + " files uploaded";
    if (copied_ > 0) text += ", " + FormatCount(copied_) + " copied by the server itself";
    if (found_ > 0) text += ", " + FormatCount(found_) + " were there already";
    if (!refused_.empty()) text += "; the server does not copy: " + refused_;
    context_.log(text);
  }

  // What the landing holds once the commit is in it.
  Result<Contents> PutNewManifest(const CommitInfo& commit, std::stop_token stop) {
    for (int conflicts = 0;; ++conflicts) {
      if (stop.stop_requested()) return Canceled();
      Contents contents = TRY(Load(lake_, name_));
      auto last = contents.commits.find(commit.id.task);
      bool done = last != contents.commits.end() && last->second.sequence >= commit.id.sequence;
      if (done) return contents;
      for (const LandedFile& file : staged_) TRY(CheckOrigin(contents, file));
      Status status = PutManifestBehind(contents, commit);
      if (status.ok()) return Load(lake_, name_);
      if (status.code() != Code::kConflict || conflicts == kMostConflicts) return status;
    }
  }

  Status PutManifestBehind(const Contents& contents, const CommitInfo& commit) {
    Manifest manifest;
    manifest.version = contents.version + 1;
    manifest.landing_id = contents.version == 0 ? NewUuid() : contents.landing_id;
    manifest.commit = commit.id;
    manifest.position = commit.position;
    manifest.run = context_.run;
    manifest.landed = commit.now;
    for (const LandedFile& file : staged_) {
      if (!Has(contents, file)) manifest.files.push_back(file);
    }
    TRY(Failpoint("landing.manifest.before"));
    TRY(PutManifest(lake_, name_, manifest));
    return Failpoint("landing.manifest.after");
  }

  // The newest content of each file gets its name. Who did so looks again: had somebody else landed
  // a newer one meanwhile, the older could have come last. `contents` are as they are then.
  Status PutInPlace(Contents& contents, std::stop_token stop) {
    while (true) {
      places_ = TRY(FindPlaces(lake_, name_));
      std::vector<const std::vector<LandedFile>*> waiting;
      for (const auto& [name, versions] : contents.files) {
        if (versions.back().removed) continue;
        if (!TRY(IsInPlace(versions.back()))) waiting.push_back(&versions);
      }
      if (waiting.empty()) return Status::Ok();
      auto place = [&](size_t i, std::stop_token stopped) -> Status {
        const LandedFile& newest = waiting[i]->back();
        TRY(Failpoint("landing.place.before"));
        TRY(KeepEarlier(*waiting[i], stopped));
        TRY(lake_.Copy(VersionPath(name_, newest), folder_ + "/" + newest.file, stopped));
        return Failpoint("landing.place.after");
      };
      TRY(ForEachAtOnce(waiting.size(), lake_.AtOnce(), place, stop));
      if (TRY(NewestVersion(lake_, name_)) == contents.version) return Status::Ok();
      contents = TRY(Load(lake_, name_));
    }
  }

  Result<bool> IsInPlace(const LandedFile& newest) {
    auto kept = places_.find(VersionPath(name_, newest));
    if (kept == places_.end()) return true;  // only under its name, as landings once were
    auto place = places_.find(folder_ + "/" + newest.file);
    if (place == places_.end() || place->second.size != newest.size) return false;
    if (is_local_) return place->second.modified == kept->second.modified;
    // A copy in parts has another etag than what it was made of.
    if (place->second.etag == kept->second.etag) return true;
    return TRY(lake_.Stat(place->first)).sha256 == newest.sha256;
  }

  // What lies under its name only, as landings once were, is kept before another content replaces
  // it: by hash, so that nothing else is kept in its place.
  Status KeepEarlier(const std::vector<LandedFile>& versions, std::stop_token stop) {
    if (!is_local_ || versions.size() < 2) return Status::Ok();
    auto place = places_.find(folder_ + "/" + versions.back().file);
    if (place == places_.end()) return Status::Ok();
    for (auto each = versions.rbegin() + 1; each < versions.rend(); ++each) {
      std::string kept = VersionPath(name_, *each);
      if (places_.contains(kept) || place->second.modified != each->modified) continue;
      Status status = lake_.PutFile(kept, lake_.Uri(place->first), each->sha256, stop);
      return status.code() == Code::kUnavailable ? Status::Ok() : status;  // somebody else's
    }
    return Status::Ok();
  }

  bool IsLitter(const FileInfo& file, const std::set<std::string>& named) const {
    if (!file.path.starts_with(folder_ + "/.versions/") || named.contains(file.path)) return false;
    return is_local_ || context_.env.clock.Now() - file.modified > kForgotten;
  }

  std::set<std::string> NamedBy(const Contents& contents) const {
    std::set<std::string> named;
    for (const auto& [name, versions] : contents.files) {
      for (const LandedFile& each : versions) {
        if (!each.removed) named.insert(VersionPath(name_, each));
      }
    }
    return named;
  }

  // Removes what no manifest names, unless somebody on this machine is about to land. Best effort:
  // what stays is for the next one.
  void Sweep() {
    Result<std::unique_ptr<StorageLock>> lock =
        lake_.TryLock(folder_ + "/.manifest/lock", /*shared=*/false);
    if (!lock.ok() || !*lock) return;
    Result<Contents> contents = Load(lake_, name_);
    Result<Places> places = FindPlaces(lake_, name_);
    if (!contents.ok() || !places.ok()) return;
    std::set<std::string> named = NamedBy(*contents);
    for (const auto& [path, file] : *places) {
      if (IsLitter(file, named)) (void)lake_.Remove(path);
    }
  }

  // On a server it stays for a day, so that the next attempt need not bring it again.
  void Discard() {
    bool took = std::exchange(lock_, nullptr) != nullptr;
    if (took && is_local_) Sweep();
  }

  const std::string name_;
  ConnectContext& context_;
  Storage& lake_;
  const std::string folder_;
  const bool is_local_;
  std::unique_ptr<StorageLock> lock_;  // from TakeFiles on, until all of it is committed
  Places places_;                      // as they were when last looked at
  std::vector<LandedFile> staged_;     // their content is in .versions
  std::atomic<int64_t> sent_ = 0, copied_ = 0, found_ = 0;
  std::mutex mutex_;
  std::string refused_;  // why the server does not copy; with the mutex
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  TRY(CheckName(config.name));
  return std::unique_ptr<Sink>(std::make_unique<LandingSink>(config.name, context));
}

}  // namespace millrace::landing
