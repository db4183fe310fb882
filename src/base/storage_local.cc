#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/descriptor.h"
#include "base/failpoint.h"
#include "base/file_copy.h"
#include "base/hash.h"
#include "base/storage.h"
#include "base/text.h"

namespace millrace {

namespace {

std::string ParentOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 || slash == path.npos ? "/" : path.substr(0, slash);
}

Status SyncPath(const std::string& path, int flags) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (file.get() < 0) return FromErrno("cannot open " + path + " to make it durable", errno);
  // Some file systems cannot sync a folder and say EINVAL: there its entries are durable at once.
  if (::fsync(file.get()) != 0 && !(errno == EINVAL && flags != 0)) {
    return FromErrno("cannot make " + path + " durable", errno);
  }
  return Status::Ok();
}

Status SyncFolder(const std::string& path) { return SyncPath(path, O_DIRECTORY); }

// A folder and those above it, each one's entry durable in its parent before anything is put into
// it.
Status MakeFolders(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return Status::Ok();
    return FromErrno("cannot make folder " + path, ENOTDIR);
  }
  std::string parent = ParentOf(path);
  if (parent != path) TRY(MakeFolders(parent));
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
    return FromErrno("cannot make folder " + path, errno);
  }
  return SyncFolder(parent);
}

Status WriteDurably(const std::string& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) return FromErrno("cannot create " + path, errno);
  TRY(WriteAll(file.get(), bytes, path));
  if (::fsync(file.get()) != 0) return FromErrno("cannot make " + path + " durable", errno);
  if (int error = file.Close()) return FromErrno("cannot write " + path, error);
  return Status::Ok();
}

// Gives `from` the name `to` unless something has it. Zero, or errno.
int RenameUnlessThere(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return errno;
  // NFS and some others know no flags: a hard link is as atomic, and refuses a taken name too.
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  ::unlink(from.c_str());  // left behind it is a spare name only; vacuum takes it
  return 0;
}

Time ModifiedAt(const struct stat& info) {
  return Time(std::chrono::seconds(info.st_mtim.tv_sec) + Micros(info.st_mtim.tv_nsec / 1000));
}

// `to` must not exist. kUnavailable when the SHA-256 is another.
Status CopyVerified(const std::string& from, const std::string& to, const std::string& sha256,
                    std::stop_token stop) {
  Copied copied = TRY(CopyFile(from, to, std::move(stop)));
  if (copied.sha256 == sha256) return Status::Ok();
  return {Code::kUnavailable, from + " has SHA-256 " + copied.sha256 + ", not " + sha256};
}

// Gives `aside` the name `to`, whatever had it; it is gone when that fails.
Status Place(const std::string& aside, const std::string& to, Status status) {
  if (status.ok() && ::rename(aside.c_str(), to.c_str()) != 0) {
    status = FromErrno("cannot write " + to, errno);
  }
  // Two names of one file are left as they are by a rename.
  ::unlink(aside.c_str());
  return status;
}

class FileLock final : public StorageLock {
 public:
  explicit FileLock(int fd) : file_(fd) {}

 private:
  Descriptor file_;  // closing it, as the end of the process does, gives up the lock
};

class LocalStorage final : public Storage {
 public:
  explicit LocalStorage(std::string root) : root_(std::move(root)) {}

  std::string Uri(std::string_view path) const override {
    return path.empty() ? root_ : root_ + "/" + std::string(path);
  }

  Result<std::string> Read(std::string_view path, int64_t max_bytes) override {
    std::string full = TRY(Full(path));
    Descriptor file(::open(full.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return FromErrno("cannot read " + full, errno);
    struct stat info;
    if (::fstat(file.get(), &info) != 0) return FromErrno("cannot read " + full, errno);
    if (info.st_size > max_bytes) return TooLong(full, max_bytes);
    std::string bytes;
    bytes.resize(static_cast<size_t>(info.st_size) +
                 1);  // one more: to see the end without growing
    size_t size = 0;
    while (true) {
      ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FromErrno("cannot read " + full, errno);
      if (got == 0) break;
      size += static_cast<size_t>(got);
      if (static_cast<int64_t>(size) > max_bytes) return TooLong(full, max_bytes);
      if (size == bytes.size()) bytes.resize(size * 2);
    }
    bytes.resize(size);
    return bytes;
  }

  Status Put(std::string_view path, std::string_view bytes) override {
    std::string full = TRY(Full(path));
    std::string aside = TRY(WriteAside(full, bytes));
    if (::rename(aside.c_str(), full.c_str()) != 0) {
      int error = errno;
      ::unlink(aside.c_str());
      return FromErrno("cannot write " + full, error);
    }
    return SyncFolder(ParentOf(full));
  }

  // A kill before the rename leaves only the file aside; after it, the whole file under its name.
  // The bytes are durable before the name is: no power cut shows a name with half of its content.
  Status PutIfAbsent(std::string_view path, std::string_view bytes) override {
    std::string full = TRY(Full(path));
    std::string aside = TRY(WriteAside(full, bytes));
    if (Status status = Failpoint("storage.put_if_absent.staged"); !status.ok()) {
      ::unlink(aside.c_str());
      return status;
    }
    if (int error = RenameUnlessThere(aside, full)) {
      ::unlink(aside.c_str());
      if (error == EEXIST) return {Code::kConflict, full + " exists already"};
      if (error == EPERM || error == ENOTSUP || error == EOPNOTSUPP) {
        return Invalid("cannot create " + full +
                           ": its file system can neither rename nor link without replacing",
                       "put the lake on a local file system such as ext4 or xfs");
      }
      return FromErrno("cannot write " + full, error);
    }
    return SyncFolder(ParentOf(full));
  }

  Status PutFile(std::string_view path, const std::string& local, const std::string& sha256,
                 std::stop_token stop) override {
    std::string full = TRY(Full(path));
    TRY(MakeFolders(ParentOf(full)));
    std::string aside = AsideOf(full);
    TRY(Place(aside, full, CopyVerified(local, aside, sha256, std::move(stop))));
    return SyncFolder(ParentOf(full));
  }

  Status GetFile(std::string_view path, const std::string& local, const std::string& sha256,
                 std::stop_token stop) override {
    std::string aside = AsideOf(local);
    return Place(aside, local, CopyVerified(TRY(Full(path)), aside, sha256, std::move(stop)));
  }

  // A second name of the same file, where the file system has that: no content is written.
  Status Copy(std::string_view from, std::string_view to, std::stop_token stop) override {
    std::string source = TRY(Full(from)), target = TRY(Full(to));
    TRY(MakeFolders(ParentOf(target)));
    std::string aside = AsideOf(target);
    Status status;
    if (::link(source.c_str(), aside.c_str()) != 0) {
      bool cannot = errno == EPERM || errno == ENOTSUP || errno == EMLINK || errno == EXDEV;
      status = cannot ? CopyFile(source, aside, std::move(stop)).status()
                      : FromErrno("cannot copy " + source, errno);
    }
    TRY(Place(aside, target, std::move(status)));
    return SyncFolder(ParentOf(target));
  }

  Result<FileInfo> Stat(std::string_view path) override {
    std::string full = TRY(Full(path));
    struct stat info;
    if (::stat(full.c_str(), &info) != 0) return FromErrno("cannot find " + full, errno);
    if (!S_ISREG(info.st_mode)) return NotFound(full + " is not a file");
    return FileInfo{std::string(path), info.st_size, ModifiedAt(info)};
  }

  Result<std::vector<FileInfo>> List(std::string_view folder) override {
    std::string full = TRY(Full(folder));
    std::vector<FileInfo> files;
    std::string prefix = folder.empty() ? "" : std::string(folder) + "/";
    TRY(ListInto(full, prefix, files));
    std::ranges::sort(files, {}, &FileInfo::path);
    return files;
  }

  Result<std::vector<std::string>> Folders(std::string_view folder) override {
    std::string full = TRY(Full(folder));
    std::vector<std::string> names;
    TRY(ForEachEntry(full, [&](const std::string& name, const struct stat& info) {
      if (S_ISDIR(info.st_mode)) names.push_back(name);
      return Status::Ok();
    }));
    std::ranges::sort(names);
    return names;
  }

  Status Rename(std::string_view from, std::string_view to) override {
    std::string source = TRY(Full(from)), target = TRY(Full(to));
    TRY(MakeFolders(ParentOf(target)));
    if (::rename(source.c_str(), target.c_str()) != 0) {
      return FromErrno("cannot rename " + source + " to " + target, errno);
    }
    TRY(SyncFolder(ParentOf(target)));
    return ParentOf(source) == ParentOf(target) ? Status::Ok() : SyncFolder(ParentOf(source));
  }

  Status Remove(std::string_view path) override {
    std::string full = TRY(Full(path));
    if (::unlink(full.c_str()) != 0 && errno != ENOENT)
      return FromErrno("cannot remove " + full, errno);
    return Status::Ok();
  }

  Status RemoveEmptyFolders(std::string_view folder) override {
    std::string full = TRY(Full(folder));
    return RemoveEmpty(full, /*itself=*/!folder.empty());
  }

  Result<std::unique_ptr<StorageLock>> TryLock(std::string_view path, bool shared) override {
    std::string full = TRY(Full(path));
    TRY(MakeFolders(ParentOf(full)));
    int fd = ::open(full.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return FromErrno("cannot create " + full, errno);
    auto lock = std::make_unique<FileLock>(fd);
    while (::flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::unique_ptr<StorageLock>();
      if (errno != EINTR) return FromErrno("cannot lock " + full, errno);
    }
    return std::unique_ptr<StorageLock>(std::move(lock));
  }

  Status MakeFolder(std::string_view path) override { return MakeFolders(TRY(Full(path))); }

  Status Sync(const std::vector<std::string>& paths) override {
    std::set<std::string> folders;
    for (const std::string& path : paths) {
      std::string full = TRY(Full(path));
      TRY(SyncPath(full, 0));
      // The engine may have made any of the folders down to the file: each one's entry counts.
      for (std::string folder = ParentOf(full); folder.size() >= root_.size();
           folder = ParentOf(folder)) {
        if (!folders.insert(folder).second || folder == root_) break;
      }
    }
    for (const std::string& folder : folders) TRY(SyncFolder(folder));
    return Status::Ok();
  }

 private:
  Result<std::string> Full(std::string_view path) const {
    if (path.empty()) return root_;
    bool outside = path.front() == '/' || path.find('\0') != path.npos;
    for (const std::string& part : Split(path, '/')) outside = outside || part == "..";
    if (outside) return Invalid("the path '" + std::string(path) + "' leads out of " + root_);
    return root_ + "/" + std::string(path);
  }

  static Status TooLong(const std::string& path, int64_t max_bytes) {
    return {Code::kExhausted, path + " is longer than " + FormatBytes(max_bytes)};
  }

  // Beside its target, so that the rename stays within one file system; hidden, so that no reader
  // takes it.
  static std::string AsideOf(const std::string& full) {
    return ParentOf(full) + "/." + full.substr(full.rfind('/') + 1) + "." + NewUuid() + ".tmp";
  }

  static Result<std::string> WriteAside(const std::string& full, std::string_view bytes) {
    TRY(MakeFolders(ParentOf(full)));
    std::string aside = AsideOf(full);
    if (Status status = WriteDurably(aside, bytes); !status.ok()) {
      ::unlink(aside.c_str());
      return status;
    }
    return aside;
  }

  // Entries that vanish meanwhile are passed over; a folder that does not exist has none.
  template <class Visit>
  static Status ForEachEntry(const std::string& folder, Visit visit) {
    std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(folder.c_str()), ::closedir);
    if (!handle && (errno == ENOENT || errno == ENOTDIR)) return Status::Ok();
    if (!handle) return FromErrno("cannot list " + folder, errno);
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(handle.get());
      if (!entry && errno != 0) return FromErrno("cannot list " + folder, errno);
      if (!entry) return Status::Ok();
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info;
      // A link to a folder is not followed: it may lead in a circle.
      if (::fstatat(::dirfd(handle.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISLNK(info.st_mode)) {
        if (::fstatat(::dirfd(handle.get()), name.c_str(), &info, 0) != 0 || !S_ISREG(info.st_mode))
          continue;
      }
      TRY(visit(name, info));
    }
  }

  static Status ListInto(const std::string& folder, const std::string& prefix,
                         std::vector<FileInfo>& files) {
    std::vector<std::string> folders;
    TRY(ForEachEntry(folder, [&](const std::string& name, const struct stat& info) {
      if (S_ISDIR(info.st_mode)) folders.push_back(name);
      if (S_ISREG(info.st_mode)) files.push_back({prefix + name, info.st_size, ModifiedAt(info)});
      return Status::Ok();
    }));
    for (const std::string& name : folders)
      TRY(ListInto(folder + "/" + name, prefix + name + "/", files));
    return Status::Ok();
  }

  static Status RemoveEmpty(const std::string& folder, bool itself) {
    std::vector<std::string> folders;
    TRY(ForEachEntry(folder, [&](const std::string& name, const struct stat& info) {
      if (S_ISDIR(info.st_mode)) folders.push_back(folder + "/" + name);
      return Status::Ok();
    }));
    for (const std::string& each : folders) TRY(RemoveEmpty(each, true));
    if (!itself || ::rmdir(folder.c_str()) == 0) return Status::Ok();
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOENT) return Status::Ok();
    return FromErrno("cannot remove folder " + folder, errno);
  }

  const std::string root_;  // absolute, without a slash at its end
};

}  // namespace

std::unique_ptr<Storage> OpenLocalStorage(std::string root) {
  std::error_code error;  // only where the working folder is gone; then the calls tell
  std::string absolute = std::filesystem::absolute(root, error).lexically_normal().string();
  if (absolute.empty()) absolute = root;
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return std::make_unique<LocalStorage>(std::move(absolute));
}

}  // namespace millrace
