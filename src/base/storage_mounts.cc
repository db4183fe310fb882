#include "base/storage_mounts.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace millrace {

namespace {

class MountedStorage final : public Storage {
 public:
  MountedStorage(std::unique_ptr<Storage> rest,
                 std::map<std::string, std::unique_ptr<Storage>> mounts)
      : rest_(std::move(rest)), mounts_(std::move(mounts)) {}

  std::string Uri(std::string_view path) const override {
    Place at = Find(path);
    return at.storage->Uri(at.path);
  }
  std::string WriteUri(std::string_view path) const override {
    Place at = Find(path);
    return at.storage->WriteUri(at.path);
  }
  Result<std::string> Read(std::string_view path, int64_t max_bytes) override {
    Place at = Find(path);
    return at.storage->Read(at.path, max_bytes);
  }
  Status Put(std::string_view path, std::string_view bytes) override {
    Place at = Find(path);
    return at.storage->Put(at.path, bytes);
  }
  Status PutIfAbsent(std::string_view path, std::string_view bytes) override {
    Place at = Find(path);
    return at.storage->PutIfAbsent(at.path, bytes);
  }
  Status PutFile(std::string_view path, const std::string& local, const std::string& sha256,
                 std::stop_token stop) override {
    Place at = Find(path);
    return at.storage->PutFile(at.path, local, sha256, std::move(stop));
  }
  Status GetFile(std::string_view path, const std::string& local, const std::string& sha256,
                 std::stop_token stop) override {
    Place at = Find(path);
    return at.storage->GetFile(at.path, local, sha256, std::move(stop));
  }
  Status Copy(std::string_view from, std::string_view to, std::stop_token stop) override {
    Place a = Find(from), b = Find(to);
    if (a.storage != b.storage)
      return Invalid("cannot copy " + Uri(from) + " to another storage, " + Uri(to));
    return a.storage->Copy(a.path, b.path, std::move(stop));
  }
  Result<bool> CopyFrom(const ServerFile& from, std::string_view to,
                        std::stop_token stop) override {
    Place at = Find(to);
    return at.storage->CopyFrom(from, at.path, std::move(stop));
  }
  size_t AtOnce() const override {
    size_t most = rest_->AtOnce();
    for (const auto& [name, mount] : mounts_) most = std::max(most, mount->AtOnce());
    return most;
  }
  Result<FileInfo> Stat(std::string_view path) override {
    Place at = Find(path);
    FileInfo info = TRY(at.storage->Stat(at.path));
    info.path = std::string(path);
    return info;
  }

  Result<std::vector<FileInfo>> List(std::string_view folder) override {
    Place at = Find(folder);
    std::vector<FileInfo> files = TRY(at.storage->List(at.path));
    for (FileInfo& file : files) file.path = at.prefix + file.path;
    if (!folder.empty()) return files;
    std::erase_if(files, [this](const FileInfo& file) { return Find(file.path).IsMount(); });
    for (const auto& [name, mount] : mounts_) {
      for (FileInfo& file : TRY(List(name))) files.push_back(std::move(file));
    }
    std::ranges::sort(files, {}, &FileInfo::path);
    return files;
  }

  // A mount is there once something is in it.
  Result<std::vector<std::string>> Folders(std::string_view folder) override {
    Place at = Find(folder);
    std::vector<std::string> names = TRY(at.storage->Folders(at.path));
    if (!folder.empty()) return names;
    std::erase_if(names, [this](const std::string& name) { return mounts_.contains(name); });
    for (const auto& [name, mount] : mounts_) {
      if (!TRY(mount->Folders("")).empty()) names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
  }

  Status Rename(std::string_view from, std::string_view to) override {
    Place a = Find(from), b = Find(to);
    if (a.storage != b.storage)
      return Invalid("cannot rename " + Uri(from) + " to another storage, " + Uri(to));
    return a.storage->Rename(a.path, b.path);
  }
  Status Remove(std::string_view path) override {
    Place at = Find(path);
    return at.storage->Remove(at.path);
  }
  Status RemoveEmptyFolders(std::string_view folder) override {
    Place at = Find(folder);
    return at.storage->RemoveEmptyFolders(at.path);
  }
  Result<std::unique_ptr<StorageLock>> TryLock(std::string_view path, bool shared) override {
    Place at = Find(path);
    return at.storage->TryLock(at.path, shared);
  }
  Status MakeFolder(std::string_view path) override {
    Place at = Find(path);
    return at.storage->MakeFolder(at.path);
  }
  Status Sync(const std::vector<std::string>& paths) override {
    std::map<Storage*, std::vector<std::string>> by_storage;
    for (const std::string& path : paths) {
      Place at = Find(path);
      by_storage[at.storage].push_back(std::string(at.path));
    }
    for (const auto& [storage, own] : by_storage) TRY(storage->Sync(own));
    return Status::Ok();
  }
  Status RemoveUnfinished(std::string_view prefix, Time before) override {
    Place at = Find(prefix);
    return at.storage->RemoveUnfinished(at.path, before);
  }

 private:
  struct Place {
    Storage* storage;
    std::string_view path;  // in it
    std::string prefix;     // of its paths, as ours: "bronze/" or ""
    bool IsMount() const { return !prefix.empty(); }
  };
  Place Find(std::string_view path) const {
    std::string_view first = path.substr(0, path.find('/'));
    auto mount = mounts_.find(std::string(first));
    if (mount == mounts_.end()) return {rest_.get(), path, ""};
    std::string_view inside = path.substr(std::min(path.size(), first.size() + 1));
    return {mount->second.get(), inside, mount->first + "/"};
  }

  const std::unique_ptr<Storage> rest_;
  const std::map<std::string, std::unique_ptr<Storage>> mounts_;
};

}  // namespace

std::unique_ptr<Storage> MountStorages(std::unique_ptr<Storage> rest,
                                       std::map<std::string, std::unique_ptr<Storage>> mounts) {
  return std::make_unique<MountedStorage>(std::move(rest), std::move(mounts));
}

}  // namespace millrace
