#include "store/sqlite/pipeline_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

namespace millrace::sqlite {

namespace {

class FileLock final : public PipelineLock {
 public:
  explicit FileLock(int file) : file_(file) {}
  ~FileLock() override { ::close(file_); }  // the file stays: removing it would let two in

 private:
  int file_;
};

// A name as one path segment.
std::string Segment(std::string_view name) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string segment;
  for (unsigned char c : name) {
    if (std::isalnum(c) || c == '_' || c == '-')
      segment += static_cast<char>(c);
    else
      segment += {'%', kHex[c >> 4], kHex[c & 15]};
  }
  return segment;
}

std::string HolderOf(int file) {
  char text[32];
  ssize_t length = ::pread(file, text, sizeof text, 0);
  return length > 0 ? std::string(Trim({text, static_cast<size_t>(length)})) : "?";
}

}  // namespace

Result<std::unique_ptr<PipelineLock>> LockInFolder(const std::string& folder,
                                                   std::string_view pipeline) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return FromErrno("folder " + folder, errno);
  std::string path = folder + "/" + Segment(pipeline) + ".lock";
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return FromErrno("lock " + path, errno);
  auto lock = std::make_unique<FileLock>(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FromErrno("lock " + path, errno);
    return Status(
        Code::kConflict,
        "pipeline '" + std::string(pipeline) + "' is being run by process " + HolderOf(file),
        "wait for it to end, or stop it");
  }
  std::string process = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, process.data(), process.size(), 0) < 0) {
    return FromErrno("lock " + path, errno);
  }
  return std::unique_ptr<PipelineLock>(std::move(lock));
}

}  // namespace millrace::sqlite
