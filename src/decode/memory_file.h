// A text as a file that an engine can open by its path, without touching a disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

class MemoryFile {
 public:
  static Result<std::unique_ptr<MemoryFile>> Make(std::string_view text);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // Of this process only, while this lives.
  std::string path() const;

 private:
  explicit MemoryFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace millrace
