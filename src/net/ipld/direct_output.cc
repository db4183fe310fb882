#include "net/ipld/direct_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/descriptor.h"

namespace millrace::ipld {

namespace {

bool SetDirect(int file, bool direct) {
  int flags = fcntl(file, F_GETFL);
  return flags >= 0 &&
         fcntl(file, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

}  // namespace

DirectOutput::DirectOutput(int file, std::string path)
    : file_(file), path_(std::move(path)) {}

DirectOutput::~DirectOutput() {
  empty_.Close();
  full_.Close();
  if (thread_.joinable()) thread_.join();
}

Status DirectOutput::Append(std::string_view bytes) {
  if (failed_) return written_;
  while (!bytes.empty()) {
    if (!filling_) filling_.reset(static_cast<char*>(std::aligned_alloc(kBlock, kBuffer)));
    if (!filling_) return Status(Code::kExhausted, "no memory to write " + path_);
    size_t count = std::min(bytes.size(), kBuffer - filled_);
    std::memcpy(filling_.get() + filled_, bytes.data(), count);
    filled_ += count;
    bytes.remove_prefix(count);
    if (filled_ == kBuffer) TRY(Turn());
  }
  return Status::Ok();
}

// The full buffer goes to the thread, which is begun with the first: a small file needs none.
Status DirectOutput::Turn() {
  if (!thread_.joinable()) {
    direct_ = SetDirect(file_, true);
    thread_ = std::thread([this] { Work(); });
  }
  bool taken = full_.Push(std::exchange(filling_, nullptr));
  filled_ = 0;
  if (taken && made_ < kBuffers) {
    ++made_;
    return Status::Ok();
  }
  std::optional<Buffer> spare;
  if (taken) spare = empty_.Pop();
  if (spare) {
    filling_ = *std::move(spare);
    return Status::Ok();
  }
  thread_.join();
  failed_ = true;
  return written_;
}

void DirectOutput::Work() {
  while (std::optional<Buffer> buffer = full_.Pop()) {
    written_ = Write({buffer->get(), kBuffer});
    if (!written_.ok()) break;
    if (!empty_.Push(*std::move(buffer))) break;
  }
  full_.Close();
  empty_.Close();
}

// Where the disk wants other blocks, or the file system has none, the cache serves.
Status DirectOutput::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(file_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && !(errno == EINVAL && direct_)) return FromErrno("cannot write " + path_, errno);
    if (put > 0) bytes.remove_prefix(static_cast<size_t>(put));
    bool aligned = put >= 0 && static_cast<size_t>(put) % kBlock == 0;
    if (aligned || !direct_) continue;
    if (!SetDirect(file_, false)) return FromErrno("cannot write " + path_, errno);
    direct_ = false;
  }
  return Status::Ok();
}

Status DirectOutput::End() {
  if (thread_.joinable()) {
    full_.Close();
    thread_.join();
    if (direct_ && !SetDirect(file_, false)) return FromErrno("cannot write " + path_, errno);
    direct_ = false;
  }
  TRY(Status(written_));
  return WriteAll(file_, {filling_.get(), std::exchange(filled_, 0)}, path_);
}

}  // namespace millrace::ipld
