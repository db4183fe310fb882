// A file that is being written under another name, beside the one that it gets when it is whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/status.h"
#include "net/ipld/direct_output.h"

namespace millrace::ipld {

// How its bytes come to the disk.
enum class PartCaching {
  kCached,  // gathered into writes of 1 MiB
  kPast     // a large file that nobody reads soon: past the system's cache
};

// Removed when it is destroyed before Commit.
class PartFile {
 public:
  // <folder>/.<name>.<process id>-<number>.part, readable, too. `target` gives folder and name; a
  // device or a pipe is refused.
  static Result<std::unique_ptr<PartFile>> Create(const std::string& target,
                                                  PartCaching caching = PartCaching::kCached);
  ~PartFile();
  // Removes what processes of this machine that were killed left of `target`. Best effort.
  static void Sweep(const std::string& target);

  Status Append(std::string_view bytes);
  // What is behind the end already.
  Status WriteAt(int64_t offset, std::string_view bytes);
  // Bytes that were appended: exactly `size` of them.
  Status ReadAt(int64_t offset, char* to, size_t size);
  int64_t size() const { return size_; }
  // Nothing is appended or read any more: closes it. With `sync` it outlives a loss of power.
  Status Seal(bool sync);
  // Seals it, and gives it its name; what had it before is replaced.
  Status Commit(const std::string& target, bool sync);

 private:
  PartFile(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  Status Flush();

  std::string path_;
  Descriptor file_;
  std::string buffer_;
  std::unique_ptr<DirectOutput> direct_;  // null: what is appended is gathered in buffer_
  int64_t size_ = 0;
  bool committed_ = false;
};

}  // namespace millrace::ipld
