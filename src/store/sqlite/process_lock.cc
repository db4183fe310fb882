#include "store/sqlite/process_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>

#include "base/hash.h"
#include "base/text.h"

namespace millrace::sqlite {

namespace {

constexpr size_t kLongestName = 160;  // of the 255 bytes that a file's name may have

}  // namespace

Result<std::unique_ptr<LockFile>> LockFile::Open(const std::string& folder,
                                                 const std::string& name) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return FromErrno("folder " + folder, errno);
  std::string path = folder + "/" + name;
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return FromErrno("lock " + path, errno);
  return std::unique_ptr<LockFile>(new LockFile(file, std::move(path)));
}

LockFile::~LockFile() { ::close(file_); }  // the file stays: removing it would let two in

Result<bool> LockFile::Try(Kind kind) {
  if (::flock(file_, (kind == Kind::kAlone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) return FromErrno("lock " + path_, errno);
  return false;
}

std::string LockFile::Holder() const {
  char text[32];
  ssize_t length = ::pread(file_, text, sizeof text, 0);
  return length > 0 ? std::string(Trim({text, static_cast<size_t>(length)})) : "?";
}

Status LockFile::WriteHolder() {
  std::string process = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file_, 0) == 0 && ::pwrite(file_, process.data(), process.size(), 0) > 0)
    return Status::Ok();
  return FromErrno("lock " + path_, errno);
}

std::string LockName(std::string_view name) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string segment;
  for (unsigned char c : name) {
    if (std::isalnum(c) || c == '_' || c == '-')
      segment += static_cast<char>(c);
    else
      segment += {'%', kHex[c >> 4], kHex[c & 15]};
  }
  if (segment.size() <= kLongestName) return segment;
  return segment.substr(0, kLongestName - 40) + "%" + Sha256Hex(name).substr(0, 32);
}

Status HasLock(const LockFile& lock, std::string_view pipeline) {
  return {Code::kConflict,
          "pipeline '" + std::string(pipeline) + "' is being run by process " + lock.Holder(),
          "wait for it to end, or stop it"};
}

Result<std::unique_ptr<ProcessLock>> LockInFolder(const std::string& folder,
                                                  std::string_view pipeline) {
  auto lock = TRY(LockFile::Open(folder, LockName(pipeline) + ".lock"));
  if (!TRY(lock->Try(LockFile::Kind::kAlone))) return HasLock(*lock, pipeline);
  TRY(lock->WriteHolder());
  return std::unique_ptr<ProcessLock>(std::move(lock));
}

}  // namespace millrace::sqlite
