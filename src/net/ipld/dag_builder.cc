#include "net/ipld/dag_builder.h"

#include <algorithm>

#include "base/utf8.h"

namespace millrace::ipld {

namespace {

Result<Built> PutNode(BlockSink& sink, const PbNode& node) {
  std::string block = WriteDagPb(node);
  Built built{.cid = Cid::Of(kDagPb, block), .tsize = block.size()};
  for (const PbLink& link : node.links) built.tsize += link.tsize;
  TRY(sink.Put(built.cid, block));
  return built;
}

struct Hashed {
  uint64_t hash;
  PbLink* link;
};

// The entries whose hashes have their first `depth` bytes in common, sorted by hash.
class HamtWriter {
 public:
  explicit HamtWriter(BlockSink& sink) : sink_(sink) {}

  Result<Built> Write(const Hashed* begin, const Hashed* end, int depth) {
    if (depth == 8) return Invalid("two names of a folder have the same hash");
    PbNode node;
    std::string bits(kFanout / 8, '\0');
    while (begin < end) {
      int slot = static_cast<int>(begin->hash >> (56 - 8 * depth) & 0xff);
      const Hashed* next = std::find_if(begin, end, [&](const Hashed& each) {
        return static_cast<int>(each.hash >> (56 - 8 * depth) & 0xff) != slot;
      });
      bits[31 - slot / 8] = static_cast<char>(bits[31 - slot / 8] | 1 << slot % 8);
      node.links.push_back(TRY(LinkOf(begin, next, slot, depth)));
      begin = next;
    }
    bits.erase(0, bits.find_first_not_of('\0'));
    node.data =
        WriteUnixFs({.type = UnixFsType::kHamt, .data = bits, .hash = kMurmur3, .fanout = kFanout});
    return PutNode(sink_, node);
  }

 private:
  Result<PbLink> LinkOf(const Hashed* begin, const Hashed* end, int slot, int depth) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string prefix = {kHex[slot >> 4], kHex[slot & 15]};
    if (end - begin == 1)
      return PbLink{std::move(begin->link->cid), prefix + begin->link->name, begin->link->tsize};
    Built below = TRY(Write(begin, end, depth + 1));
    return PbLink{below.cid, prefix, below.tsize};
  }

  BlockSink& sink_;
};

}  // namespace

Status FileBuilder::Add(const Digest& chunk, uint64_t size) {
  return AddTo(0, {Cid(kRaw, chunk), size, size});
}

Status FileBuilder::AddTo(size_t level, Built built) {
  if (level == levels_.size()) levels_.emplace_back().reserve(level == 0 ? 1 : kTreeWidth);
  if (levels_[level].size() == kTreeWidth) {
    Built node = TRY(Join(levels_[level]));
    TRY(AddTo(level + 1, std::move(node)));
  }
  levels_[level].push_back(std::move(built));
  return Status::Ok();
}

// Leaves `children` empty.
Result<Built> FileBuilder::Join(std::vector<Built>& children) {
  PbNode node;
  UnixFs data{.type = UnixFsType::kFile};
  for (Built& child : children) {
    data.file_size += child.file_size;
    data.block_sizes.push_back(child.file_size);
    node.links.push_back({std::move(child.cid), "", child.tsize});
  }
  children.clear();
  node.data = WriteUnixFs(data);
  Built built = TRY(PutNode(sink_, node));
  built.file_size = data.file_size;
  return built;
}

Result<Built> FileBuilder::Finish() {
  for (size_t level = 0;; ++level) {
    if (level + 1 == levels_.size() && levels_[level].size() == 1) break;
    Built node = TRY(Join(levels_[level]));
    TRY(AddTo(level + 1, std::move(node)));
  }
  Built built = std::move(levels_.back().front());
  levels_.clear();
  return built;
}

void FolderBuilder::Add(std::string name, const Built& entry) {
  entries_.push_back({entry.cid, std::move(name), entry.tsize});
}

Result<Built> FolderBuilder::Finish() {
  std::sort(entries_.begin(), entries_.end(),
            [](const PbLink& a, const PbLink& b) { return a.name < b.name; });
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!IsUtf8Text(entries_[i].name))
      return Invalid("a file whose name is no UTF-8 cannot be named in UnixFS", "rename it");
    if (i > 0 && entries_[i].name == entries_[i - 1].name)
      return Invalid("two entries of one folder are called '" + entries_[i].name + "'");
  }
  if (entries_.size() <= kMaxPlainEntries)
    return PutNode(sink_, {std::move(entries_), WriteUnixFs({.type = UnixFsType::kFolder})});
  std::vector<Hashed> hashed;
  for (PbLink& link : entries_) hashed.push_back({Murmur3(link.name), &link});
  std::sort(hashed.begin(), hashed.end(),
            [](const Hashed& a, const Hashed& b) { return a.hash < b.hash; });
  return HamtWriter(sink_).Write(hashed.data(), hashed.data() + hashed.size(), 0);
}

}  // namespace millrace::ipld
