// A large file written past the system's cache of files, by a thread of its own: for bytes that
// nobody reads soon, to make room in the cache costs several times what the disk takes.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/channel.h"
#include "base/status.h"

namespace millrace::ipld {

class DirectOutput {
 public:
  // Bytes at the end of `file`, which stands at a multiple of kBlock (its start), is open as long
  // as this, and is written by nobody else meanwhile. `path` is for messages.
  DirectOutput(int file, std::string path);
  // What End did not write is lost.
  ~DirectOutput();

  // Tells of a failure of what was appended before.
  Status Append(std::string_view bytes);
  // Writes what is left; then the file is one as all others are. Once, and last.
  Status End();

 private:
  static constexpr size_t kBlock = 4096;  // what disks are written in, at most
  static constexpr size_t kBuffer = size_t{4} << 20;
  static constexpr size_t kBuffers = 8;  // what the disk is late with at times
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  using Buffer = std::unique_ptr<char, Free>;

  Status Turn();
  void Work();
  Status Write(std::string_view bytes);

  const int file_;
  const std::string path_;
  Buffer filling_;
  size_t filled_ = 0;
  size_t made_ = 1;  // buffers
  bool direct_ = false;
  bool failed_ = false;  // what is behind the gap must not be written
  Channel<Buffer> full_{kBuffers}, empty_{kBuffers};
  Status written_;  // of the thread, once it ended
  std::thread thread_;
};

}  // namespace millrace::ipld
