#include "decode/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace millrace {

Result<std::unique_ptr<MemoryFile>> MemoryFile::Make(std::string_view text) {
  int fd = memfd_create("millrace-sample", MFD_CLOEXEC);
  if (fd < 0) return FromErrno("cannot make a file in memory", errno);
  std::unique_ptr<MemoryFile> file(new MemoryFile(fd));
  while (!text.empty()) {
    ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FromErrno("cannot write to a file in memory", errno);
    text.remove_prefix(static_cast<size_t>(put));
  }
  return file;
}

MemoryFile::~MemoryFile() { ::close(fd_); }

std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(fd_); }

}  // namespace millrace
