// Files and folders → blocks with the root CID that `ipfs-car` and the network's own client give
// them: read and hashed on all cores, in memory that does not grow with the size of files.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/ipld/dag_builder.h"
#include "net/ipld/tree_walk.h"

namespace millrace::ipld {

struct PackOptions {
  WalkOptions walk;
  int threads = 0;          // that read and hash; 0: one a core
  bool deduplicate = true;  // the sink gets each block once; takes 64 bytes of memory a block
};

// May be read while Pack works.
struct PackProgress {
  std::atomic<int64_t> files = 0, bytes = 0;
};

struct Packed {
  Cid root;
  int64_t files = 0, bytes = 0;  // what was read
  int64_t blocks = 0;            // what the sink got
};

// The sink is called by this thread alone, children before parents. kUnavailable: a file changed
// while it was read; kNotFound: a path is missing; kCanceled within a second of a stop.
Result<Packed> Pack(const std::vector<std::string>& paths, const PackOptions& options,
                    BlockSink& sink, std::stop_token stop, PackProgress* progress = nullptr);

}  // namespace millrace::ipld
