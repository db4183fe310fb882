// Blocks → CAR files: one, or shards that a network takes one by one, with the index that says
// where in them each block lies (https://github.com/storacha/specs/blob/main/w3-index.md). Shards
// are cut, and named by their hash, as the network's own client does it.
//
//   ShardWriter shards("spool/upload.car", {});
//   Packed packed = TRY(Pack(paths, {}, shards, stop));
//   Shards done = TRY(shards.Finish(packed.root));  // spool/upload.1.car …, spool/upload.index.car
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "net/ipld/dag_builder.h"
#include "net/ipld/part_file.h"

namespace millrace::ipld {

// One CAR, however large, with one root. Nothing has the target's name before Finish.
class CarWriter : public BlockSink {
 public:
  explicit CarWriter(std::string target, bool sync = false)
      : target_(std::move(target)), sync_(sync) {}
  Status Put(const Cid& cid, std::string_view block) override;
  // Its size in bytes. Replaces a file of that name.
  Result<int64_t> Finish(const Cid& root);

 private:
  const std::string target_;
  const bool sync_;
  std::unique_ptr<PartFile> file_;
};

struct ShardOptions {
  uint64_t size = 133'169'152;  // bytes, at most, of a shard; at least kMinShardSize
  bool sync = false;            // durable when Finish returns
};
// A chunk, its head and the header of a CAR.
inline constexpr uint64_t kMinShardSize = kChunkSize + 128;

struct ShardFile {
  std::string path;
  Cid cid;  // of the whole file, codec CAR
  int64_t size = 0;
};

struct Shards {
  Cid root;
  std::vector<ShardFile> shards;  // in order; the last one has the root in its header
  ShardFile index;
};

class ShardWriter : public BlockSink {
 public:
  // "folder/name.car" → folder/name.1.car, folder/name.2.car … and folder/name.index.car. What was
  // written is removed when it is destroyed before Finish.
  ShardWriter(std::string target, ShardOptions options);

  // kInvalid: a block is larger than a shard.
  Status Put(const Cid& cid, std::string_view block) override;
  Result<Shards> Finish(const Cid& root);

 private:
  struct Slice {
    Digest digest;
    int64_t offset, size;  // of the block's bytes; of its head the same as the block's
    int64_t head;
  };
  struct Shard {
    std::unique_ptr<PartFile> file;
    Sha256 hash;
    std::vector<Slice> slices;
  };
  struct Closed {
    std::unique_ptr<PartFile> file;
    Digest digest;
    std::string index;  // its block of the index
  };

  Result<std::unique_ptr<Shard>> Begin(const std::vector<Cid>& roots);
  Status Close(std::unique_ptr<Shard> shard);
  Result<std::unique_ptr<Shard>> Copy(Shard& from, size_t first, size_t last,
                                      const std::vector<Cid>& roots);
  Status CloseLast(const Cid& root);
  Result<ShardFile> WriteIndex(const Cid& root);
  std::string PathOf(const std::string& which) const;

  const std::string target_;
  const ShardOptions options_;
  std::unique_ptr<Shard> shard_;
  std::vector<Closed> closed_;
};

}  // namespace millrace::ipld
