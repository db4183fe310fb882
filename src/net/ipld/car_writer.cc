#include "net/ipld/car_writer.h"

#include <algorithm>
#include <cstring>

#include "net/ipld/car.h"
#include "net/ipld/dag_cbor.h"

namespace millrace::ipld {

namespace {

constexpr int64_t kEmptyHeader = 18;   // bytes, without roots
constexpr int64_t kRootedHeader = 59;  // with one root of ours
constexpr size_t kCopy = size_t{1} << 20;
constexpr char kIndexKey[] = "index/sharded/dag@0.1";

Digest DigestOfHex(std::string_view hex) {
  Digest digest;
  auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<uint8_t>(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
  return digest;
}

Digest DigestIn(const Cid& cid) {
  Digest digest;
  std::memcpy(digest.data(), cid.digest().data(), digest.size());
  return digest;
}

std::string Multihash(const Digest& digest) { return std::string(Cid(kRaw, digest).multihash()); }

}  // namespace

Status CarWriter::Put(const Cid& cid, std::string_view block) {
  if (!file_) {
    file_ = TRY(PartFile::Create(target_, PartCaching::kPast));
    // Finish puts the real one in its place: all CIDs of ours have the same length.
    TRY(file_->Append(CarHeader({cid})));
  }
  TRY(file_->Append(CarBlockHead(cid, block.size())));
  return file_->Append(block);
}

Result<int64_t> CarWriter::Finish(const Cid& root) {
  if (!file_) return Invalid("there is no block to write");
  TRY(file_->WriteAt(0, CarHeader({root})));
  int64_t size = file_->size();
  TRY(file_->Commit(target_, sync_));
  file_.reset();
  return size;
}

ShardWriter::ShardWriter(std::string target, ShardOptions options)
    : target_(std::move(target)), options_(options) {}

std::string ShardWriter::PathOf(const std::string& which) const {
  std::string stem = target_.ends_with(".car") ? target_.substr(0, target_.size() - 4) : target_;
  return stem + "." + which + ".car";
}

Result<std::unique_ptr<ShardWriter::Shard>> ShardWriter::Begin(const std::vector<Cid>& roots) {
  auto shard = std::make_unique<Shard>();
  shard->file = TRY(PartFile::Create(target_));
  std::string header = CarHeader(roots);
  shard->hash.Update(header);
  TRY(shard->file->Append(header));
  return shard;
}

Status ShardWriter::Put(const Cid& cid, std::string_view block) {
  const auto most = static_cast<int64_t>(options_.size);
  const auto size = static_cast<int64_t>(CarBlockSize(cid, block.size()));
  if (size > most - kRootedHeader)
    return Invalid("a block of " + std::to_string(block.size()) +
                       " bytes does not fit a shard of " + std::to_string(options_.size),
                   "a shard takes at least " + std::to_string(kMinShardSize) + " bytes");
  if (shard_ && shard_->file->size() + size > most) TRY(Close(std::move(shard_)));
  if (!shard_) shard_ = TRY(Begin({}));
  std::string head = CarBlockHead(cid, block.size());
  int64_t offset = shard_->file->size() + static_cast<int64_t>(head.size());
  shard_->slices.push_back({DigestIn(cid), offset, static_cast<int64_t>(block.size()),
                            static_cast<int64_t>(head.size())});
  shard_->hash.Update(head);
  shard_->hash.Update(block);
  TRY(shard_->file->Append(head));
  return shard_->file->Append(block);
}

// Makes its block of the index, too.
Status ShardWriter::Close(std::unique_ptr<Shard> shard) {
  Closed closed{std::move(shard->file), DigestOfHex(shard->hash.Hex()), ""};
  std::vector<Slice>& slices = shard->slices;
  slices.push_back({closed.digest, 0, closed.file->size(), 0});
  // Of a block that is there several times the last one counts, as it does for the client.
  std::reverse(slices.begin(), slices.end());
  std::stable_sort(slices.begin(), slices.end(),
                   [](const Slice& a, const Slice& b) { return a.digest < b.digest; });
  auto same = [](const Slice& a, const Slice& b) { return a.digest == b.digest; };
  slices.erase(std::unique(slices.begin(), slices.end(), same), slices.end());
  AppendCborHead(closed.index, Major::kList, 2);
  AppendCborBytes(closed.index, Multihash(closed.digest));
  AppendCborHead(closed.index, Major::kList, slices.size());
  for (const Slice& slice : slices) {
    AppendCborHead(closed.index, Major::kList, 2);
    AppendCborBytes(closed.index, Multihash(slice.digest));
    AppendCborHead(closed.index, Major::kList, 2);
    AppendCborHead(closed.index, Major::kInt, static_cast<uint64_t>(slice.offset));
    AppendCborHead(closed.index, Major::kInt, static_cast<uint64_t>(slice.size));
  }
  TRY(closed.file->Seal(options_.sync));
  closed_.push_back(std::move(closed));
  return Status::Ok();
}

// The blocks from `first` to before `last`, in a shard with other roots.
Result<std::unique_ptr<ShardWriter::Shard>> ShardWriter::Copy(Shard& from, size_t first,
                                                              size_t last,
                                                              const std::vector<Cid>& roots) {
  std::unique_ptr<Shard> shard = TRY(Begin(roots));
  int64_t at = from.slices[first].offset - from.slices[first].head;
  int64_t end = from.slices[last - 1].offset + from.slices[last - 1].size;
  for (size_t i = first; i < last; ++i) {
    Slice slice = from.slices[i];
    slice.offset += shard->file->size() - at;
    shard->slices.push_back(slice);
  }
  std::string buffer(kCopy, '\0');
  while (at < end) {
    std::string_view part(buffer.data(), std::min<size_t>(kCopy, static_cast<size_t>(end - at)));
    TRY(from.file->ReadAt(at, buffer.data(), part.size()));
    shard->hash.Update(part);
    TRY(shard->file->Append(part));
    at += static_cast<int64_t>(part.size());
  }
  return shard;
}

// The last shard names the root; blocks that then find no room in it go into one more.
Status ShardWriter::CloseLast(const Cid& root) {
  size_t count = shard_->slices.size(), kept = count;
  int64_t over =
      shard_->file->size() - kEmptyHeader + kRootedHeader - static_cast<int64_t>(options_.size);
  while (kept > 1 && over > 0) {
    --kept;
    over -= shard_->slices[kept].head + shard_->slices[kept].size;
  }
  std::unique_ptr<Shard> all = std::move(shard_);
  if (kept < count) TRY(Close(TRY(Copy(*all, 0, kept, {}))));
  return Close(TRY(Copy(*all, kept < count ? kept : 0, count, {root})));
}

Result<ShardFile> ShardWriter::WriteIndex(const Cid& root) {
  std::vector<const Closed*> sorted;
  for (const Closed& closed : closed_) sorted.push_back(&closed);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->digest < b->digest; });
  List links;
  std::vector<Cid> cids;
  for (const Closed* closed : sorted) {
    cids.push_back(Cid::Of(kDagCbor, closed->index));
    links.push_back(cids.back());
  }
  Value value(Map{{kIndexKey, Map{{"content", root}, {"shards", std::move(links)}}}});
  std::string block = TRY(WriteDagCbor(value));
  Cid cid = Cid::Of(kDagCbor, block);
  std::unique_ptr<PartFile> file = TRY(PartFile::Create(target_));
  Sha256 hash;
  auto append = [&](std::string_view bytes) {
    hash.Update(bytes);
    return file->Append(bytes);
  };
  TRY(append(CarHeader({cid})));
  TRY(append(CarBlockHead(cid, block.size())));
  TRY(append(block));
  for (size_t i = 0; i < sorted.size(); ++i) {
    TRY(append(CarBlockHead(cids[i], sorted[i]->index.size())));
    TRY(append(sorted[i]->index));
  }
  ShardFile index{PathOf("index"), Cid(kCar, DigestOfHex(hash.Hex())), file->size()};
  TRY(file->Commit(index.path, options_.sync));
  return index;
}

Result<Shards> ShardWriter::Finish(const Cid& root) {
  if (!shard_) return Invalid("there is no block to write");
  TRY(CloseLast(root));
  Shards done{.root = root};
  for (size_t i = 0; i < closed_.size(); ++i) {
    Closed& closed = closed_[i];
    ShardFile shard{PathOf(std::to_string(i + 1)), Cid(kCar, closed.digest), closed.file->size()};
    TRY(closed.file->Commit(shard.path, options_.sync));
    done.shards.push_back(std::move(shard));
  }
  done.index = TRY(WriteIndex(root));
  return done;
}

}  // namespace millrace::ipld
