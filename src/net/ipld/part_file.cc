#include "net/ipld/part_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace millrace::ipld {

namespace {

constexpr size_t kBuffer = size_t{1} << 20;

Status SyncFolder(const std::string& folder) {
  Descriptor open_folder(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (open_folder.get() < 0 || fsync(open_folder.get()) != 0)
    return FromErrno("cannot write " + folder, errno);
  return Status::Ok();
}

std::string FolderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

Result<std::unique_ptr<PartFile>> PartFile::Create(const std::string& target,
                                                   PartCaching caching) {
  static std::atomic<int> next = 0;
  std::string name = std::filesystem::path(target).filename().string();
  if (name.empty()) return Invalid("'" + target + "' names no file");
  struct stat there;
  if (stat(target.c_str(), &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
    return Invalid(target + " is no file, and cannot be replaced by one");
  std::string path = FolderOf(target) + "/." + name + "." + std::to_string(getpid()) + "-" +
                     std::to_string(next++) + ".part";
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (file.get() < 0) return FromErrno("cannot write " + target, errno);
  std::unique_ptr<PartFile> part(new PartFile(std::move(path), std::move(file)));
  if (caching == PartCaching::kPast)
    part->direct_ = std::make_unique<DirectOutput>(part->file_.get(), target);
  return part;
}

void PartFile::Sweep(const std::string& target) {
  std::string prefix = "." + std::filesystem::path(target).filename().string() + ".";
  std::error_code error;
  for (std::filesystem::directory_iterator it(FolderOf(target), error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(".part")) continue;
    char* rest = nullptr;
    long process = std::strtol(name.c_str() + prefix.size(), &rest, 10);
    bool gone = process > 0 && *rest == '-' && kill(static_cast<pid_t>(process), 0) != 0 &&
                errno == ESRCH;
    if (gone) unlink(it->path().c_str());
  }
}

PartFile::~PartFile() {
  if (!committed_) unlink(path_.c_str());
}

Status PartFile::Append(std::string_view bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  if (direct_) return direct_->Append(bytes);
  if (buffer_.size() + bytes.size() > kBuffer) TRY(Flush());
  if (bytes.size() >= kBuffer / 4 && buffer_.empty()) return WriteAll(file_.get(), bytes, path_);
  buffer_ += bytes;
  return Status::Ok();
}

Status PartFile::Flush() {
  if (direct_) {
    TRY(direct_->End());
    direct_.reset();
  }
  TRY(WriteAll(file_.get(), buffer_, path_));
  buffer_.clear();
  return Status::Ok();
}

Status PartFile::WriteAt(int64_t offset, std::string_view bytes) {
  TRY(Flush());
  while (!bytes.empty()) {
    ssize_t put = pwrite(file_.get(), bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FromErrno("cannot write " + path_, errno);
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += put;
  }
  return Status::Ok();
}

Status PartFile::ReadAt(int64_t offset, char* to, size_t size) {
  TRY(Flush());
  while (size > 0) {
    ssize_t got = pread(file_.get(), to, size, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("cannot read " + path_, errno);
    if (got == 0) return Internal(path_ + " is shorter than what was written");
    to += got;
    offset += got;
    size -= static_cast<size_t>(got);
  }
  return Status::Ok();
}

Status PartFile::Seal(bool sync) {
  if (file_.get() < 0) return Status::Ok();
  TRY(Flush());
  if (sync && fsync(file_.get()) != 0) return FromErrno("cannot write " + path_, errno);
  int error = file_.Close();
  return error == 0 ? Status::Ok() : FromErrno("cannot write " + path_, error);
}

Status PartFile::Commit(const std::string& target, bool sync) {
  TRY(Seal(sync));
  if (rename(path_.c_str(), target.c_str()) != 0) return FromErrno("cannot write " + target, errno);
  committed_ = true;
  return sync ? SyncFolder(FolderOf(target)) : Status::Ok();
}

}  // namespace millrace::ipld
