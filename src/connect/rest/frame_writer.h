// Lines into a file as zstd frames: to write fewer bytes costs less than to write them all.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/hash.h"
#include "base/status.h"

namespace millrace::rest {

struct Frame {
  int64_t bytes = 0, lines_bytes = 0;  // in the file; before compression
};

// Appends to a file. A thread of its own compresses and writes when there is more than one block.
class FrameWriter {
 public:
  FrameWriter(int file, std::string path);
  ~FrameWriter() { blocks_.Close(); }

  Status Put(std::string block);  // whole lines; may wait
  Status Finish(std::string block);

  // After Finish.
  const std::vector<Frame>& frames() const { return frames_; }
  std::string sha256() const { return digest_.Hex(); }  // of the lines

 private:
  Status Write(std::string_view block);
  void Work();

  const int file_;
  const std::string path_;
  Sha256 digest_;
  std::vector<Frame> frames_;
  std::string compressed_;
  Channel<std::string> blocks_{2};
  std::mutex mutex_;
  Status failure_;  // of the thread
  std::jthread thread_;
};

}  // namespace millrace::rest
