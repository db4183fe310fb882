// Files and folders → their blocks, as the network's own client lays them out (chunks of 1 MiB, raw
// leaves, nodes of 1024 links, a HAMT above 1000 entries), so that equal content has an equal CID.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/ipld/cid.h"
#include "net/ipld/unixfs.h"

namespace millrace::ipld {

inline constexpr uint64_t kChunkSize = uint64_t{1} << 20;  // bytes
inline constexpr size_t kTreeWidth = 1024;                 // links of a node of a file
inline constexpr size_t kMaxPlainEntries = 1000;           // of a folder that is one block

// Takes blocks, children before parents, the root last.
class BlockSink {
 public:
  virtual ~BlockSink() = default;
  virtual Status Put(const Cid& cid, std::string_view block) = 0;
};

struct Built {
  Cid cid;
  uint64_t tsize = 0;      // bytes of all its blocks
  uint64_t file_size = 0;  // bytes of the file
};

// One file: Add() its chunks, which the caller has put, then Finish(). Holds 1024 links a level.
class FileBuilder {
 public:
  explicit FileBuilder(BlockSink& sink) : sink_(sink) {}
  Status Add(const Digest& chunk, uint64_t size);
  // Ready for the next file afterwards. Precondition: a chunk was added (of an empty file: "").
  Result<Built> Finish();

 private:
  Status AddTo(size_t level, Built built);
  Result<Built> Join(std::vector<Built>& children);

  BlockSink& sink_;
  std::vector<std::vector<Built>> levels_;  // from the leaves up
};

// One folder. Holds its entries: some 150 bytes for each.
class FolderBuilder {
 public:
  explicit FolderBuilder(BlockSink& sink) : sink_(sink) {}
  void Add(std::string name, const Built& entry);
  const std::vector<PbLink>& entries() const { return entries_; }
  // kInvalid: two entries have one name, or a name is no UTF-8.
  Result<Built> Finish();

 private:
  BlockSink& sink_;
  std::vector<PbLink> entries_;
};

}  // namespace millrace::ipld
