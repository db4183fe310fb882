// Blocks → files and folders, safely: whatever the blocks are, nothing is believed before it is
// checked, and everything has a limit.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/ipld/cid.h"
#include "net/ipld/unixfs.h"

namespace millrace::ipld {

// Where blocks come from: CAR files, a gateway, a node.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  // The bytes, whose hash was checked. kNotFound: they are not there.
  virtual Result<std::string> Get(const Cid& cid) = 0;
};

struct DagLimits {
  uint64_t node = uint64_t{2} << 20;   // bytes of a block with links
  int file_depth = 16;                 // nodes in each other, of a file or a HAMT
  int folder_depth = 256;              // folders in each other
  int64_t parts = 10'000'000;          // blocks of files that are read
  int64_t entries = 1'000'000;         // files and folders of the whole
  uint64_t bytes = uint64_t{1} << 40;  // of all files, written out
};

struct DagEntry {
  std::string name;
  Cid cid;
};

class DagReader {
 public:
  // The source must outlive it.
  explicit DagReader(BlockSource& source, DagLimits limits = {})
      : source_(source), limits_(limits) {}
  const DagLimits& limits() const { return limits_; }

  struct Node {
    Cid cid;
    bool folder = false;
    uint64_t file_size = 0;  // bytes, as its node says; checked when it is read
    PbNode links;
    UnixFs data;
  };
  // Reads the node of a file or a folder. kInvalid: it is something else, a symbolic link say.
  Result<Node> Open(const Cid& cid);

  // The entries of a folder, sorted by name. kInvalid: a name that could lead out of its folder,
  // two of one name, too many.
  Result<std::vector<DagEntry>> Entries(const Node& folder);

  using Take = std::function<Status(std::string_view)>;
  // The bytes of a file, in order. kInvalid: sizes that are not what was declared.
  Status Read(const Cid& file, const Take& take, std::stop_token stop);

 private:
  Status AddEntries(const Node& node, int depth, std::vector<DagEntry>& entries);
  Status ReadPart(const Cid& cid, const uint64_t* expected, int depth, const Take& take,
                  std::stop_token& stop);
  Status Count(const Cid& cid, uint64_t size, const uint64_t* expected);

  BlockSource& source_;
  const DagLimits limits_;
  int64_t entries_ = 0, parts_ = 0;
  uint64_t bytes_ = 0;
};

// kInvalid: empty, "." or "..", longer than 255 bytes, or with '/' or NUL in it.
Status CheckEntryName(std::string_view name);

}  // namespace millrace::ipld
