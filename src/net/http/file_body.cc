#include "net/http/file_body.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace millrace::http {

Status FileBodyReader::Open(const FileBody& body) {
  body_ = &body;
  file_ = Descriptor(::open(body.path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat found {};
  if (file_.get() < 0 || ::fstat(file_.get(), &found) != 0)
    return FromErrno("cannot read " + body.path, errno);
  if (found.st_size < body.size) {
    return Invalid(body.path + " has " + std::to_string(found.st_size) + " bytes, of which " +
                   std::to_string(body.size) + " were to be sent");
  }
  size_ = static_cast<int64_t>(body.before.size() + body.after.size()) + body.size;
  return Status::Ok();
}

int64_t FileBodyReader::Read(char* to, size_t most) {
  auto before = static_cast<int64_t>(body_->before.size());
  int64_t file_end = before + body_->size, got = 0;
  if (at_ < before) {
    got = static_cast<int64_t>(body_->before.copy(to, most, static_cast<size_t>(at_)));
  } else if (at_ < file_end) {
    size_t size = std::min(most, static_cast<size_t>(file_end - at_));
    do {
      got = ::pread(file_.get(), to, size, at_ - before);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return -1;  // it was cut off meanwhile
  } else if (at_ < size_) {
    got = static_cast<int64_t>(body_->after.copy(to, most, static_cast<size_t>(at_ - file_end)));
  }
  at_ += std::max<int64_t>(got, 0);
  return got;
}

bool FileBodyReader::Seek(int64_t offset) {
  if (offset < 0 || offset > size_) return false;
  at_ = offset;
  return true;
}

}  // namespace millrace::http
