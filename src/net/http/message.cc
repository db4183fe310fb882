#include "net/http/message.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/text.h"

namespace millrace::http {

const std::string* FindHeader(const Headers& headers, std::string_view name) {
  std::string wanted = ToLower(name);
  for (const auto& [key, value] : headers) {
    if (ToLower(key) == wanted) return &value;
  }
  return nullptr;
}

Status Body::Append(std::string_view bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  if (in_memory() && size_ <= memory_) {
    text_ += bytes;
    return Status::Ok();
  }
  if (in_memory()) {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error) return FromErrno("cannot make folder " + folder_, error.value());
    std::string path = folder_ + "/body-XXXXXX";
    file_ = Descriptor(::mkostemp(path.data(), O_CLOEXEC));
    if (file_.get() < 0) return FromErrno("cannot create a file in " + folder_, errno);
    ::unlink(path.c_str());  // a killed process leaves nothing
    TRY(WriteAll(file_.get(), text_, folder_));
    text_ = std::string();
  }
  return WriteAll(file_.get(), bytes, folder_);
}

void Body::Clear() {
  size_ = 0;
  text_.clear();
  file_ = Descriptor();
}

Result<size_t> Body::Read(int64_t offset, char* out, size_t size) const {
  if (in_memory()) {
    if (offset >= size_) return size_t{0};
    size_t got = std::min(size, static_cast<size_t>(size_ - offset));
    std::memcpy(out, text_.data() + offset, got);
    return got;
  }
  ssize_t got = ::pread(file_.get(), out, size, offset);
  if (got < 0) return FromErrno("cannot read a file in " + folder_, errno);
  return static_cast<size_t>(got);
}

Result<std::string> Body::Begin(size_t most) const {
  std::string text(static_cast<size_t>(std::min<int64_t>(size_, static_cast<int64_t>(most))), '\0');
  size_t got = 0;
  while (got < text.size()) {
    size_t more = TRY(Read(static_cast<int64_t>(got), text.data() + got, text.size() - got));
    if (more == 0) break;
    got += more;
  }
  text.resize(got);
  return text;
}

std::string ToString(const Exchange& exchange) {
  std::string text = exchange.method + " " + exchange.url + " ";
  text += exchange.error.empty() ? std::to_string(exchange.status) : exchange.error;
  return text + " " + FormatBytes(exchange.bytes) + " " + FormatDuration(exchange.duration) +
         " attempt " + std::to_string(exchange.attempt);
}

}  // namespace millrace::http
