// Files and folders as blocks: nodes of dag-pb (https://ipld.io/specs/codecs/dag-pb/spec/) with
// UnixFS data in them (https://specs.ipfs.tech/unixfs/).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/ipld/cid.h"

namespace millrace::ipld {

struct PbLink {
  Cid cid;
  std::string name;    // "" in a file; in a HAMT with its two hex digits before it
  uint64_t tsize = 0;  // bytes of the block and of all below it, as its writer says
};

struct PbNode {
  std::vector<PbLink> links;
  std::string data;
};

std::string WriteDagPb(const PbNode& node);
// kInvalid: no dag-pb; what is wrong, and at which offset.
Result<PbNode> ReadDagPb(std::string_view block);

enum class UnixFsType { kRaw = 0, kFolder = 1, kFile = 2, kMetadata = 3, kSymlink = 4, kHamt = 5 };

struct UnixFs {
  UnixFsType type = UnixFsType::kFile;
  std::string data;                   // of a file that is not all in links; bits of a HAMT
  uint64_t file_size = 0;             // bytes, of a file and raw
  std::vector<uint64_t> block_sizes;  // bytes of the file in each link
  uint64_t hash = 0, fanout = 0;      // of a HAMT
};

inline constexpr uint64_t kMurmur3 = 0x22;  // murmur3-x64-64
inline constexpr uint64_t kFanout = 256;

// In the one form that the network's own client writes: no mode, no time.
std::string WriteUnixFs(const UnixFs& data);
// kInvalid: no UnixFS. Mode and time are not kept.
Result<UnixFs> ReadUnixFs(std::string_view data);

// The first 64 bits of murmur3-x64-128, seed 0: its bytes, the highest first, choose the way
// through a HAMT.
uint64_t Murmur3(std::string_view bytes);

}  // namespace millrace::ipld
