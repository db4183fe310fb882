// Lines into a file as zstd frames: to write fewer bytes costs less than to write them all.
#pragma once

#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/status.h"

namespace millrace::rest {

struct Frame {
  int64_t bytes = 0, lines_bytes = 0;  // in the file; before compression
};

// Appends to a file. One block is compressed and written while the next one is filled.
class FrameWriter {
 public:
  FrameWriter(int file, std::string path);

  Status Put(std::string block);  // whole lines; its failure is told by the next call
  Status Finish(std::string_view block);

  // After Finish.
  const std::vector<Frame>& frames() const { return frames_; }
  std::string sha256() const { return digest_.Hex(); }  // of the lines

 private:
  Status Write(std::string_view block);

  const int file_;
  const std::string path_;
  Sha256 digest_;
  std::vector<Frame> frames_;
  std::string compressed_;
  std::future<Status> writing_;  // the last: its end is waited for before the others go
};

}  // namespace millrace::rest
