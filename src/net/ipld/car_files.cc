#include "net/ipld/car_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "net/ipld/dag_cbor.h"

namespace millrace::ipld {

namespace {

constexpr size_t kMostNamed = 10;
constexpr int64_t kMostMissing = 100'000;

Result<std::vector<Cid>> LinksOf(const Cid& cid, std::string_view block) {
  if (cid.codec() == kDagCbor) return LinksOfDagCbor(block);
  std::vector<Cid> links;
  PbNode node = TRY(ReadDagPb(block));
  for (PbLink& link : node.links) links.push_back(std::move(link.cid));
  return links;
}

// The blocks that were seen: by number, missing ones by their CID.
class Walk {
 public:
  explicit Walk(CarFiles& files) : files_(files), seen_(files.blocks()) {}

  Status Reach(const Cid& cid) {
    if (cid.hash() == kIdentity) {
      if (cid.codec() != kRaw) open_.push_back(cid);
      return Status::Ok();
    }
    int64_t number = files_.Find(cid);
    if (number < 0) {
      if (!missing_.insert(cid).second) return Status::Ok();
      if (check.missing == kMostMissing)
        return NotFound("more than " + std::to_string(kMostMissing) + " blocks are missing");
      if (check.some_missing.size() < kMostNamed) check.some_missing.push_back(cid);
      ++check.missing;
      return Status::Ok();
    }
    if (seen_[static_cast<size_t>(number)]) return Status::Ok();
    seen_[static_cast<size_t>(number)] = true;
    ++check.reached;
    if (cid.codec() == kDagPb || cid.codec() == kDagCbor) {
      open_.push_back(cid);
    } else if (cid.codec() != kRaw) {
      ++check.not_followed;
    }
    return Status::Ok();
  }

  Status Run(std::stop_token stop) {
    while (!open_.empty()) {
      if (stop.stop_requested()) return Canceled();
      Cid cid = std::move(open_.back());
      open_.pop_back();
      std::string block = TRY(files_.Get(cid));
      Result<std::vector<Cid>> links = LinksOf(cid, block);
      if (!links.ok()) return links.status().In(cid.Text());
      for (const Cid& link : *links) TRY(Reach(link));
    }
    return Status::Ok();
  }

  DagCheck check;

 private:
  CarFiles& files_;
  std::vector<bool> seen_;
  std::vector<Cid> open_;
  std::set<Cid> missing_;
};

}  // namespace

CarFiles::Key CarFiles::KeyOf(const Cid& cid) {
  // Hashed once more: what a CAR claims cannot be made to collide before it is verified.
  Digest digest = DigestOf(cid.multihash());
  Key key;
  std::memcpy(key.data(), digest.data(), key.size());
  return key;
}

Result<CarFiles> CarFiles::Open(const std::vector<std::string>& paths,
                                const CarFilesOptions& options, std::stop_token stop) {
  CarFiles files;
  for (const std::string& path : paths) TRY(files.Add(path, options, stop));
  auto less = [](const Place& a, const Place& b) { return a.key < b.key; };
  auto same = [](const Place& a, const Place& b) { return a.key == b.key; };
  std::stable_sort(files.places_.begin(), files.places_.end(), less);
  files.places_.erase(std::unique(files.places_.begin(), files.places_.end(), same),
                      files.places_.end());
  return files;
}

Status CarFiles::Add(const std::string& path, const CarFilesOptions& options,
                     std::stop_token& stop) {
  Descriptor descriptor = TRY(OpenCar(path));
  CarReader reader(ReadFrom(descriptor.get(), path), options.limits);
  TRY(reader.Open().In(path));
  for (const Cid& root : reader.roots()) {
    if (std::find(roots_.begin(), roots_.end(), root) == roots_.end()) roots_.push_back(root);
  }
  const int64_t before = bytes_;
  const auto file = static_cast<uint32_t>(files_.size());
  for (;;) {
    if (stop.stop_requested()) return Canceled();
    Result<std::optional<CarBlock>> next = reader.Next();
    if (!next.ok()) return next.status().In(path);
    if (!*next) break;
    const CarBlock* block = &**next;
    if (options.verify)
      TRY(block->cid.Verify(block->data).In(path + ": byte " + std::to_string(block->offset)));
    if (places_.size() == options.blocks)
      return {Code::kExhausted, "more than " + std::to_string(options.blocks) + " blocks"};
    places_.push_back(
        {KeyOf(block->cid), block->offset, static_cast<uint32_t>(block->data.size()), file});
    bytes_ = before + reader.offset();
    if (options.bytes) *options.bytes = bytes_;
  }
  bytes_ = before + reader.offset();
  files_.push_back({path, std::move(descriptor)});
  return Status::Ok();
}

int64_t CarFiles::Find(const Cid& cid) const {
  Key key = KeyOf(cid);
  auto at =
      std::lower_bound(places_.begin(), places_.end(), key,
                       [](const Place& place, const Key& wanted) { return place.key < wanted; });
  return at != places_.end() && at->key == key ? at - places_.begin() : -1;
}

Result<std::string> CarFiles::Get(const Cid& cid) {
  if (cid.hash() == kIdentity) return std::string(cid.digest());
  int64_t number = Find(cid);
  if (number < 0)
    return NotFound("the block " + cid.Text() + " is not there",
                    "the archive is not whole: name all of its files");
  const Place& place = places_[static_cast<size_t>(number)];
  const File& file = files_[place.file];
  std::string block(place.size, '\0');
  for (size_t got = 0; got < block.size();) {
    ssize_t part = pread(file.descriptor.get(), block.data() + got, block.size() - got,
                         place.offset + static_cast<int64_t>(got));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return FromErrno("cannot read " + file.path, errno);
    if (part == 0) return Status(Code::kUnavailable, file.path + " changed while it was read");
    got += static_cast<size_t>(part);
  }
  TRY(cid.Verify(block).In(file.path + ": byte " + std::to_string(place.offset)));
  return block;
}

Result<DagCheck> CheckDag(CarFiles& files, const std::vector<Cid>& roots, std::stop_token stop) {
  Walk walk(files);
  for (const Cid& root : roots) TRY(walk.Reach(root));
  TRY(walk.Run(stop));
  return walk.check;
}

}  // namespace millrace::ipld
