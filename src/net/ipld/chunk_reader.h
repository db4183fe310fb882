// The chunks of the files of a walk, read and hashed by several threads, given out in order.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/status.h"
#include "net/ipld/cid.h"
#include "net/ipld/tree_walk.h"

namespace millrace::ipld {

// A step of a walk, or, of a file, one chunk.
struct Chunk {
  WalkStep step;
  int64_t offset = 0;  // in the file
  size_t size = 0;
  bool last = false;  // of its file
  Digest digest = {};
  std::string_view data;  // until the next call of Next()
};

// Holds at most 2 + 2 × threads batches of chunks, of 1 MiB or 256 chunks each.
class ChunkReader {
 public:
  ChunkReader(TreeWalk walk, int threads, std::stop_token stop);
  ~ChunkReader();

  // nullptr at the end; valid until the next call.
  Result<const Chunk*> Next();

 private:
  struct Batch {
    std::vector<Chunk> chunks;
    std::string buffer;
    Status status;
    std::atomic<bool> done = false;
  };

  Status Fill();
  Result<std::unique_ptr<Batch>> NextBatch();
  static Status Read(Batch& batch);
  void Work();

  TreeWalk walk_;
  const std::stop_token stop_;
  const size_t window_;
  bool walked_ = false;
  Chunk pending_;  // the file that is being cut into chunks
  bool has_pending_ = false;
  std::deque<std::unique_ptr<Batch>> batches_;  // in order; the first is being given out
  std::vector<std::unique_ptr<Batch>> spare_;
  size_t next_ = 0;  // chunk of the first batch
  Channel<Batch*> todo_;
  std::vector<std::jthread> threads_;
};

}  // namespace millrace::ipld
