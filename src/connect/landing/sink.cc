#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/text.h"
#include "connect/landing/config.h"
#include "base/file_copy.h"
#include "connect/landing/landing.h"

namespace millrace::landing {

namespace {

namespace fs = std::filesystem;

// Held while manifests are written and files put in place. Given up with the process.
class Lock {
 public:
  static Result<Lock> Take(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return FromErrno("cannot open " + path, errno);
    Lock lock(fd);
    while (::flock(fd, LOCK_EX) != 0) {
      if (errno != EINTR) return FromErrno("cannot lock " + path, errno);
    }
    return lock;
  }
  Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit Lock(int fd) : fd_(fd) {}
  int fd_;
};

// A commit: new content goes durably to .versions under its hash, then the manifest is put, then
// the files get their names. Killed before the manifest, what lies in .versions is nobody's and is
// used when the commit comes again; killed after it, the names are put right by whoever comes next,
// and readers find the content by hash.
class LandingSink final : public Sink {
 public:
  LandingSink(std::string name, ConnectContext& context)
      : name_(std::move(name)),
        context_(context),
        lake_(context.lake.storage()),
        folder_(FolderOf(name_)) {}

  ~LandingSink() override { RemoveStaged(); }

  Status Probe(std::stop_token) override {
    Result<Contents> contents = Load(lake_, name_);
    return contents.ok() ? Status::Ok() : contents.status();
  }

  Result<std::optional<Committed>> LastCommit(std::string_view task, std::stop_token) override {
    Contents contents = TRY(Load(lake_, name_));
    // A commit that was killed while its files got their names is seen through here: nobody else
    // will.
    if (contents.version > 0 && AnyPending(contents)) {
      Lock lock = TRY(TakeLock());
      TRY(PutInPlace(contents));
    }
    auto found = contents.commits.find(task);
    if (found == contents.commits.end()) return std::optional<Committed>();
    return std::optional<Committed>(found->second);
  }

  Status Open(const Schema&, const WriteIntent&, std::stop_token) override {
    SweepStaging();
    return Status::Ok();
  }

  Status Write(const Rows&, std::stop_token) override {
    return Invalid("landing '" + name_ + "' takes whole files, not rows",
                   "use it with `from: {file: …}` and without `sql`");
  }

  bool TakesRows() const override { return false; }

  Result<WriteCount> TakeFiles(const std::vector<std::string>& paths,
                               std::stop_token stop) override {
    Contents contents = TRY(Load(lake_, name_));
    std::map<std::string, std::string> taken;  // name → where it came from
    for (const std::string& path : paths) {
      std::string file = fs::path(path).filename().string();
      auto [other, first] = taken.emplace(file, path);
      if (!first && other->second != path) return NameTaken(file, path, other->second);
    }
    WriteCount count;
    for (const auto& [file, path] : taken) {
      const LandedFile* before = contents.Newest(file);
      if (before && before->from != FromOf(path))
        return NameTaken(file, FromOf(path), before->from);
      TRY(TakeFile(file, path, before, stop));
    }
    for (const LandedFile& file : staged_) count.bytes += file.size;
    return count;
  }

  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    TRY(lake_.MakeFolder(folder_ + "/.manifest"));
    Lock lock = TRY(TakeLock());
    Contents contents = TRY(Load(lake_, name_));
    auto last = contents.commits.find(commit.id.task);
    bool done = last != contents.commits.end() && last->second.sequence >= commit.id.sequence;
    if (!done) {
      if (stop.stop_requested()) return Canceled();
      TRY(KeepStaged());
      TRY(AddManifest(commit, contents));
    }
    TRY(PutInPlace(contents));
    RemoveStaged();
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

  Result<Lock> TakeLock() { return Lock::Take(lake_.Uri(folder_ + "/.manifest/lock")); }

  std::string FromOf(const std::string& path) const {
    std::string prefix = context_.folder + "/";
    return path.starts_with(prefix) ? path.substr(prefix.size()) : path;
  }

  Status TakeFile(const std::string& file, const std::string& path, const LandedFile* before,
                  std::stop_token stop) {
    std::error_code error;
    auto size = fs::file_size(path, error);
    if (before && !error && static_cast<int64_t>(size) == before->size) {
      Copied read = TRY(CopyFile(path, "", stop));
      if (read.sha256 == before->sha256) return Status::Ok();  // not landed twice
    }
    std::string staging = StagingFolder() + "/" + std::to_string(staged_.size());
    TRY(lake_.MakeFolder(StagingFolder()));
    Copied copied = TRY(CopyFile(path, lake_.Uri(staging), stop));
    TRY(Failpoint("landing.copy.after"));
    if (before && copied.sha256 == before->sha256) return lake_.Remove(staging);
    LandedFile landed;
    landed.file = file;
    landed.sha256 = copied.sha256;
    landed.size = copied.size;
    landed.modified = copied.modified;
    landed.from = FromOf(path);
    staged_.push_back(std::move(landed));
    return Status::Ok();
  }

  Status KeepStaged() {
    TRY(Failpoint("landing.rename.before"));
    for (size_t i = 0; i < staged_.size(); ++i) {
      std::string staging = StagingFolder() + "/" + std::to_string(i);
      TRY(lake_.Rename(staging, VersionPath(name_, staged_[i])));
    }
    return Failpoint("landing.rename.after");
  }

  Status AddManifest(const CommitInfo& commit, Contents& contents) {
    Manifest manifest;
    manifest.version = contents.version + 1;
    manifest.landing_id = contents.version == 0 ? NewUuid() : contents.landing_id;
    manifest.commit = commit.id;
    manifest.position = commit.position;
    manifest.run = context_.run;
    manifest.landed = commit.now;
    manifest.files = staged_;
    TRY(Failpoint("landing.manifest.before"));
    TRY(PutManifest(lake_, name_, manifest));
    TRY(Failpoint("landing.manifest.after"));
    contents = TRY(Load(lake_, name_));
    return Status::Ok();
  }

  // Whether the newest version of a file still waits for its name.
  bool AnyPending(const Contents& contents) {
    for (const auto& [name, versions] : contents.files) {
      if (lake_.Stat(VersionPath(name_, versions.back())).ok()) return true;
    }
    return false;
  }

  // Under the lock: what stands under a name is the newest version or the one before it.
  Status PutInPlace(const Contents& contents) {
    for (const auto& [name, versions] : contents.files) {
      const LandedFile& newest = versions.back();
      std::string aside = VersionPath(name_, newest);
      if (!lake_.Stat(aside).ok()) continue;
      std::string place = folder_ + "/" + name;
      TRY(Failpoint("landing.place.before"));
      if (lake_.Stat(place).ok()) TRY(KeepEarlier(versions, place));
      TRY(lake_.Rename(aside, place));
      TRY(Failpoint("landing.place.after"));
    }
    return Status::Ok();
  }

  // A second name rather than a move: there is no moment at which the file's name is missing.
  Status KeepEarlier(const std::vector<LandedFile>& versions, const std::string& place) {
    FileInfo there = TRY(lake_.Stat(place));
    for (auto each = versions.rbegin() + 1; each < versions.rend(); ++each) {
      if (there.size != each->size || there.modified != each->modified) continue;
      std::string aside = lake_.Uri(VersionPath(name_, *each));
      if (::link(lake_.Uri(place).c_str(), aside.c_str()) == 0 || errno == EEXIST)
        return Status::Ok();
      if (errno != EPERM && errno != EOPNOTSUPP) return FromErrno("cannot keep " + aside, errno);
      return lake_.Rename(place, VersionPath(name_, *each));  // a file system without hard links
    }
    return Status::Ok();  // put there by somebody else: not ours to keep
  }

  // One a task and process, so that what a killed one left can be told from what is at work.
  std::string StagingPrefix() const { return Sha256Hex(context_.task).substr(0, 16) + "-"; }
  std::string StagingFolder() const {
    return folder_ + "/.staging/" + StagingPrefix() + std::to_string(::getpid());
  }

  void RemoveStaged() {
    std::error_code ignored;  // what stays is swept at the next Open
    fs::remove_all(lake_.Uri(StagingFolder()), ignored);
    fs::remove(lake_.Uri(folder_ + "/.staging"), ignored);  // if it is empty now
    staged_.clear();
  }

  void SweepStaging() {
    Result<std::vector<std::string>> folders = lake_.Folders(folder_ + "/.staging");
    if (!folders.ok()) return;
    for (const std::string& each : *folders) {
      if (!each.starts_with(StagingPrefix())) continue;
      pid_t process = std::atoi(each.c_str() + StagingPrefix().size());
      bool alive =
          process == ::getpid() || (process > 0 && (::kill(process, 0) == 0 || errno == EPERM));
      std::error_code ignored;
      if (!alive) fs::remove_all(lake_.Uri(folder_ + "/.staging/" + each), ignored);
    }
  }

  const std::string name_;
  ConnectContext& context_;
  Storage& lake_;
  const std::string folder_;
  std::vector<LandedFile> staged_;  // the n-th lies in the staging folder as "n"
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  TRY(CheckName(config.name));
  return std::unique_ptr<Sink>(std::make_unique<LandingSink>(config.name, context));
}

}  // namespace millrace::landing
