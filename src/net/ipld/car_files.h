// The blocks of CAR files, in whatever order they lie there: several shards make one set. Keeps
// where each block is (32 bytes of memory a block), not the blocks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/status.h"
#include "net/ipld/car.h"
#include "net/ipld/dag_reader.h"

namespace millrace::ipld {

struct CarFilesOptions {
  CarLimits limits;
  size_t blocks = 8'000'000;              // at most, of all files
  bool verify = false;                    // hashes of all blocks while the files are opened
  std::atomic<int64_t>* bytes = nullptr;  // how far it is
};

class CarFiles : public BlockSource {
 public:
  // Reads through all of them. kInvalid: no CAR; kRejected, with `verify`: a block has another
  // hash; each with the file and the offset.
  static Result<CarFiles> Open(const std::vector<std::string>& paths,
                               const CarFilesOptions& options, std::stop_token stop);

  // Of all files in order, each once.
  const std::vector<Cid>& roots() const { return roots_; }
  int64_t bytes() const { return bytes_; }
  // Different ones.
  size_t blocks() const { return places_.size(); }
  // Blocks are numbered, in no order that means something; -1: it is not there.
  int64_t Find(const Cid& cid) const;
  Result<std::string> Get(const Cid& cid) override;

 private:
  using Key = std::array<uint8_t, 16>;  // of the hash of a multihash
  struct Place {
    Key key;
    int64_t offset;
    uint32_t size, file;
  };
  struct File {
    std::string path;
    Descriptor descriptor;
  };

  static Key KeyOf(const Cid& cid);
  Status Add(const std::string& path, const CarFilesOptions& options, std::stop_token& stop);

  std::vector<File> files_;
  std::vector<Cid> roots_;
  std::vector<Place> places_;  // sorted by key
  int64_t bytes_ = 0;
};

struct DagCheck {
  int64_t reached = 0;            // blocks that the roots lead to
  int64_t not_followed = 0;       // of these, of a codec that is not known here
  int64_t missing = 0;            // blocks that are linked and not there
  std::vector<Cid> some_missing;  // the first ten
};
// Whether all that the roots lead to is there. Each block is looked at once.
Result<DagCheck> CheckDag(CarFiles& files, const std::vector<Cid>& roots, std::stop_token stop);

}  // namespace millrace::ipld
