// A file or a folder out of blocks onto the disk: never outside the target folder, through no link
// that lies there, over no file unless asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "net/ipld/dag_reader.h"

namespace millrace::ipld {

struct UnpackOptions {
  bool overwrite = false;  // files that are there already; never folders
  DagLimits limits;
  std::atomic<int64_t>* bytes = nullptr;  // how far it is
};

struct Unpacked {
  int64_t files = 0, folders = 0, bytes = 0;
};

// What is in the folder `root` comes into `folder`, which is made; a file gets its CID as name
// there. A file has its name only when it is whole. After an error files that are whole stay.
// kConflict: a file is there already; kInvalid: what the blocks hold could do harm or is damaged.
Result<Unpacked> Unpack(BlockSource& blocks, const Cid& root, const std::string& folder,
                        const UnpackOptions& options, std::stop_token stop);

}  // namespace millrace::ipld
