// Files, in the folder of locks:
//   PIPELINE.lock             members hold it shared: who runs the pipeline alone cannot have it
//   PIPELINE.lead             of the one that leads
//   TASK.task                 of whoever is at work on the task
//   PIPELINE.members/TIME-PID of each member while it lives; not empty: it leaves
#include "store/sqlite/membership.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "store/sqlite/process_lock.h"

namespace millrace::sqlite {

namespace {

namespace fs = std::filesystem;

constexpr int kTries = 100;

// Sorted by name is sorted by age.
std::string OwnName() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  char name[64];
  std::snprintf(name, sizeof name, "%020lld-%d",
                static_cast<long long>(std::chrono::nanoseconds(now).count()), ::getpid());
  return name;
}

// Two members of one process, in tests, may find one name.
Result<std::unique_ptr<LockFile>> Announce(const std::string& folder) {
  for (int i = 0; i < kTries; ++i) {
    auto file = TRY(LockFile::Open(folder, OwnName()));
    struct stat info;
    // Before it was locked another member may have taken it for one of the dead, and removed it.
    if (TRY(file->Try(LockFile::Kind::kAlone)) && ::fstat(file->file(), &info) == 0 &&
        info.st_nlink > 0)
      return file;
  }
  return Internal("cannot become a member in " + folder);
}

class FolderMembership final : public Membership {
 public:
  FolderMembership(std::string folder, std::string name, std::unique_ptr<LockFile> shared,
                   std::unique_ptr<LockFile> own)
      : folder_(std::move(folder)),
        name_(std::move(name)),
        shared_(std::move(shared)),
        own_(std::move(own)) {}
  ~FolderMembership() override { ::unlink(own_->path().c_str()); }

  Result<std::vector<Member>> Members() override {
    std::string members = fs::path(own_->path()).parent_path().string();
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(members, error), end; !error && it != end; it.increment(error))
      names.push_back(it->path().filename().string());
    if (error) return FromErrno("folder " + members, error.value());
    std::sort(names.begin(), names.end());
    std::vector<Member> living;
    for (const std::string& name : names) {
      std::string path = members + "/" + name;
      bool is_this = path == own_->path();
      if (!is_this && !TRY(Lives(path))) continue;
      size_t dash = name.find('-');
      if (dash == name.npos) continue;
      std::error_code gone;  // meanwhile
      bool leaves = fs::file_size(path, gone) > 0 || gone;
      living.push_back({std::atoll(name.c_str() + dash + 1), leaves, is_this});
    }
    return living;
  }
  Status Leave() override { return own_->WriteHolder(); }
  Result<std::unique_ptr<ProcessLock>> Lead() override {
    auto lead = TRY(Try(name_ + ".lead"));
    if (lead) TRY(shared_->WriteHolder());
    return lead;
  }
  Result<std::unique_ptr<ProcessLock>> LockTask(std::string_view task) override {
    return Try(LockName(task) + ".task");
  }

 private:
  Result<std::unique_ptr<ProcessLock>> Try(const std::string& name) {
    auto file = TRY(LockFile::Open(folder_, name));
    if (!TRY(file->Try(LockFile::Kind::kAlone))) return std::unique_ptr<ProcessLock>();
    return std::unique_ptr<ProcessLock>(std::move(file));
  }
  // The file of a dead one is removed. Shared: two that look at once do not take each other for it.
  Result<bool> Lives(const std::string& path) {
    if (::access(path.c_str(), F_OK) != 0) return false;
    fs::path at(path);
    auto file = TRY(LockFile::Open(at.parent_path().string(), at.filename().string()));
    if (!TRY(file->Try(LockFile::Kind::kShared))) return true;
    ::unlink(path.c_str());
    return false;
  }

  const std::string folder_, name_;
  const std::unique_ptr<LockFile> shared_, own_;
};

}  // namespace

Result<std::unique_ptr<Membership>> JoinInFolder(const std::string& folder,
                                                 std::string_view pipeline) {
  std::string name = LockName(pipeline);
  auto shared = TRY(LockFile::Open(folder, name + ".lock"));
  if (!TRY(shared->Try(LockFile::Kind::kShared))) {
    Status has = HasLock(*shared, pipeline);
    return Status(has.code(), has.message(),
                  "it was not started with --join: stop it, and start all of them with --join");
  }
  auto own = TRY(Announce(folder + "/" + name + ".members"));
  return std::unique_ptr<Membership>(std::make_unique<FolderMembership>(
      folder, std::move(name), std::move(shared), std::move(own)));
}

}  // namespace millrace::sqlite
