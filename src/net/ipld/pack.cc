#include "net/ipld/pack.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <unordered_set>

#include "net/ipld/chunk_reader.h"

namespace millrace::ipld {

namespace {

struct DigestHash {
  size_t operator()(const Digest& digest) const {
    size_t hash;
    std::memcpy(&hash, digest.data(), sizeof hash);
    return hash;
  }
};

// Lets each block through once.
class DistinctBlocks : public BlockSink {
 public:
  DistinctBlocks(BlockSink& sink, bool deduplicate) : sink_(sink), deduplicate_(deduplicate) {}

  Status Put(const Cid& cid, std::string_view block) override {
    Digest digest;
    std::memcpy(digest.data(), cid.digest().data(), digest.size());
    // A raw block and a node of a tree may have the same bytes, but hardly in one input.
    if (deduplicate_ && cid.codec() == kRaw && !seen_raw_.insert(digest).second)
      return Status::Ok();
    if (deduplicate_ && cid.codec() != kRaw && !seen_nodes_.insert(digest).second)
      return Status::Ok();
    ++blocks;
    return sink_.Put(cid, block);
  }

  int64_t blocks = 0;

 private:
  BlockSink& sink_;
  const bool deduplicate_;
  std::unordered_set<Digest, DigestHash> seen_raw_, seen_nodes_;
};

class Packer {
 public:
  Packer(BlockSink& sink, PackProgress* progress) : sink_(sink), file_(sink), progress_(progress) {}

  Status Take(const Chunk& chunk) {
    switch (chunk.step.kind) {
      case WalkStep::kEnter: folders_.emplace_back(sink_); return Status::Ok();
      case WalkStep::kLeave: return Leave(chunk.step.name);
      case WalkStep::kFile: return TakeChunk(chunk);
    }
    return Status::Ok();
  }

  Packed packed;

 private:
  Status TakeChunk(const Chunk& chunk) {
    TRY(sink_.Put(Cid(kRaw, chunk.digest), chunk.data));
    TRY(file_.Add(chunk.digest, chunk.size));
    packed.bytes += static_cast<int64_t>(chunk.size);
    if (progress_) progress_->bytes = packed.bytes;
    if (!chunk.last) return Status::Ok();
    ++packed.files;
    if (progress_) progress_->files = packed.files;
    return Place(chunk.step.name, TRY(file_.Finish()));
  }

  // A folder without files is not represented, unless it is the root.
  Status Leave(const std::string& name) {
    FolderBuilder folder = std::move(folders_.back());
    folders_.pop_back();
    if (folder.entries().empty() && !folders_.empty()) return Status::Ok();
    return Place(name, TRY(folder.Finish()));
  }

  Status Place(const std::string& name, const Built& built) {
    if (folders_.empty()) {
      packed.root = built.cid;
    } else {
      folders_.back().Add(name, built);
    }
    return Status::Ok();
  }

  BlockSink& sink_;
  FileBuilder file_;
  std::vector<FolderBuilder> folders_;
  PackProgress* progress_;
};

}  // namespace

Result<Packed> Pack(const std::vector<std::string>& paths, const PackOptions& options,
                    BlockSink& sink, std::stop_token stop, PackProgress* progress) {
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  TreeWalk walk = TRY(TreeWalk::Open(paths, options.walk));
  ChunkReader chunks(std::move(walk), options.threads > 0 ? options.threads : cores, stop);
  DistinctBlocks distinct(sink, options.deduplicate);
  Packer packer(distinct, progress);
  while (const Chunk* chunk = TRY(chunks.Next())) TRY(packer.Take(*chunk));
  packer.packed.blocks = distinct.blocks;
  return packer.packed;
}

}  // namespace millrace::ipld
