// CAR, archives of blocks: https://ipld.io/specs/transport/car/. Version 1 is written; of version 2
// the payload, which is of version 1, is read.
//
//   CarReader reader(ReadFrom(fd, path));
//   TRY(reader.Open());
//   while (std::optional<CarBlock> block = TRY(reader.Next())) …
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "base/status.h"
#include "net/ipld/cid.h"

namespace millrace::ipld {

// The header with its length before it. 18 bytes without roots, 59 with one of ours.
std::string CarHeader(const std::vector<Cid>& roots);
// What stands before the bytes of a block: its length and its CID.
std::string CarBlockHead(const Cid& cid, uint64_t block_size);
uint64_t CarBlockSize(const Cid& cid, uint64_t block_size);  // in a CAR, its head included

struct CarLimits {
  uint64_t header = uint64_t{1} << 20;  // bytes
  uint64_t block = uint64_t{8} << 20;   // bytes, its CID included
};

// kNotFound and the like, with the path.
Result<Descriptor> OpenCar(const std::string& path);
// Puts at most `most` bytes at `to`: how many, 0 at the end.
using ReadBytes = std::function<Result<size_t>(char* to, size_t most)>;
// Of an open file, which must outlive it; `path` is for messages.
ReadBytes ReadFrom(int fd, std::string path);

struct CarBlock {
  Cid cid;
  std::string_view data;  // until the next call
  int64_t offset = 0;     // of the data, from the begin of what is read
};

// One block after the other, in bounded memory. Every error says at which offset.
class CarReader {
 public:
  explicit CarReader(ReadBytes source, CarLimits limits = {});

  // Reads the header. kInvalid: it is no CAR.
  Status Open();
  const std::vector<Cid>& roots() const { return roots_; }
  int version() const { return version_; }

  // nullopt at the end. kInvalid: it is damaged. Does not look at the hash: cid.Verify(data) does.
  Result<std::optional<CarBlock>> Next();
  // Where the next block begins; after the end how long the CAR is.
  int64_t offset() const { return offset_; }

 private:
  Status Wrong(const std::string& what, int64_t offset) const;
  Status Fill(size_t size);
  Result<std::string_view> Take(size_t size);
  Result<std::optional<uint64_t>> TakeLength(uint64_t most, const char* what);
  Status Skip(uint64_t size);
  Status OpenVersion2();
  Status ReadHeader(std::string_view header);

  ReadBytes source_;
  const CarLimits limits_;
  std::vector<Cid> roots_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;  // what of the buffer is read and not taken
  int64_t offset_ = 0;
  int64_t payload_end_ = INT64_MAX;  // of version 2
  int version_ = 0;
};

}  // namespace millrace::ipld
