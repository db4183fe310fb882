// The body of a request that is sent from a file. Private to net/http/.
#pragma once

#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "base/status.h"
#include "net/http/message.h"

namespace millrace::http {

class FileBodyReader {
 public:
  // `body` must outlive it. kNotFound and the like; kInvalid: the file is shorter than it was said
  // to be.
  Status Open(const FileBody& body);
  // Bytes of the whole body.
  int64_t size() const { return size_; }
  // Up to `most` bytes to `to`: how many, 0 at the end, -1 when the file cannot be read.
  int64_t Read(char* to, size_t most);
  bool Seek(int64_t offset);

 private:
  const FileBody* body_ = nullptr;
  Descriptor file_;
  int64_t size_ = 0, at_ = 0;
};

}  // namespace millrace::http
