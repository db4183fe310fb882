#include "base/file_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/descriptor.h"
#include "base/hash.h"

namespace millrace {

namespace {

constexpr size_t kPiece = size_t{1} << 20;  // bytes a read

bool Same(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Status Finish(int fd, const struct stat& original, const std::string& path) {
  // To the microsecond, as it is recorded: the time is how a reader sees that nobody changed the
  // file.
  timespec times[2] = {{0, UTIME_OMIT}, original.st_mtim};
  times[1].tv_nsec -= times[1].tv_nsec % 1000;
  if (::futimens(fd, times) != 0) return FromErrno("cannot set the time of " + path, errno);
  if (::fsync(fd) != 0) return FromErrno("cannot make " + path + " durable", errno);
  return Status::Ok();
}

}  // namespace

Result<Copied> CopyFile(const std::string& from, const std::string& to, std::stop_token stop) {
  Descriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0) return FromErrno("cannot read " + from, errno);
  struct stat before, after;
  if (::fstat(in.get(), &before) != 0) return FromErrno("cannot read " + from, errno);
  if (!S_ISREG(before.st_mode)) return Invalid(from + " is not a file");
  bool copies = !to.empty();
  Descriptor out(copies ? ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1);
  if (copies && out.get() < 0) return FromErrno("cannot create " + to, errno);
  Sha256 hash;
  Copied copied;
  std::vector<char> piece(kPiece);
  while (true) {
    if (stop.stop_requested()) return Canceled();
    ssize_t got = ::read(in.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("cannot read " + from, errno);
    if (got == 0) break;
    std::string_view bytes(piece.data(), static_cast<size_t>(got));
    hash.Update(bytes);
    if (copies) TRY(WriteAll(out.get(), bytes, to));
    copied.size += got;
  }
  if (::fstat(in.get(), &after) != 0) return FromErrno("cannot read " + from, errno);
  if (!Same(before, after) || copied.size != after.st_size) {
    return Status(Code::kUnavailable, from + " changed while it was read",
                  "it is taken again with the next attempt");
  }
  if (copies) TRY(Finish(out.get(), after, to));
  copied.sha256 = hash.Hex();
  copied.modified =
      Time(std::chrono::seconds(after.st_mtim.tv_sec) + Micros(after.st_mtim.tv_nsec / 1000));
  return copied;
}

}  // namespace millrace
