#include "net/ipld/car.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/ipld/dag_cbor.h"
#include "net/ipld/varint.h"

namespace millrace::ipld {

namespace {

constexpr size_t kBuffer = size_t{1} << 20;
constexpr size_t kVersion2Header = 40;
constexpr char kHint[] = "the file is damaged or no CAR: get it anew";

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

std::string CarHeader(const std::vector<Cid>& roots) {
  std::string header;
  AppendCborHead(header, Major::kMap, 2);
  AppendCborHead(header, Major::kText, 5);
  header += "roots";
  AppendCborHead(header, Major::kList, roots.size());
  for (const Cid& root : roots) AppendCborCid(header, root);
  AppendCborHead(header, Major::kText, 7);
  header += "version";
  AppendCborHead(header, Major::kInt, 1);
  std::string bytes;
  AppendVarint(bytes, header.size());
  return bytes + header;
}

std::string CarBlockHead(const Cid& cid, uint64_t block_size) {
  std::string head;
  AppendVarint(head, cid.bytes().size() + block_size);
  head += cid.bytes();
  return head;
}

uint64_t CarBlockSize(const Cid& cid, uint64_t block_size) {
  uint64_t size = cid.bytes().size() + block_size;
  return VarintSize(size) + size;
}

Result<Descriptor> OpenCar(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FromErrno("cannot read " + path, errno);
  return file;
}

ReadBytes ReadFrom(int fd, std::string path) {
  return [fd, path](char* to, size_t most) -> Result<size_t> {
    ssize_t got;
    do {
      got = read(fd, to, most);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return FromErrno("cannot read " + path, errno);
    return static_cast<size_t>(got);
  };
}

CarReader::CarReader(ReadBytes source, CarLimits limits)
    : source_(std::move(source)), limits_(limits), buffer_(kBuffer, '\0') {}

Status CarReader::Wrong(const std::string& what, int64_t offset) const {
  return Invalid("no CAR at byte " + std::to_string(offset) + ": " + what, kHint);
}

// Reads until `size` bytes are there, or all that come.
Status CarReader::Fill(size_t size) {
  if (end_ - begin_ >= size) return Status::Ok();
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() < size) buffer_.resize(size);
  while (end_ < size) {
    size_t got = TRY(source_(buffer_.data() + end_, buffer_.size() - end_));
    if (got == 0) break;
    end_ += got;
  }
  return Status::Ok();
}

Result<std::string_view> CarReader::Take(size_t size) {
  int64_t from = offset_;
  // Grows with what is there, not with what is claimed.
  for (size_t ahead = std::min(size, kBuffer);; ahead = std::min(size, ahead * 2)) {
    TRY(Fill(ahead));
    if (end_ - begin_ < ahead || payload_end_ - offset_ < static_cast<int64_t>(size))
      return Wrong("it is cut off", from);
    if (ahead == size) break;
  }
  std::string_view taken(buffer_.data() + begin_, size);
  begin_ += size;
  offset_ += static_cast<int64_t>(size);
  return taken;
}

// nullopt at the end.
Result<std::optional<uint64_t>> CarReader::TakeLength(uint64_t most, const char* what) {
  TRY(Fill(kMaxVarintBytes));
  int64_t left = std::min<int64_t>(static_cast<int64_t>(end_ - begin_), payload_end_ - offset_);
  if (left == 0) return std::optional<uint64_t>();
  std::string_view ahead(buffer_.data() + begin_, static_cast<size_t>(left));
  size_t before = ahead.size();
  Result<uint64_t> length = TakeVarint(ahead);
  if (!length.ok()) return Wrong(length.status().message(), offset_);
  if (*length > most)
    return Wrong(std::string(what) + " of " + std::to_string(*length) + " bytes: at most " +
                     std::to_string(most),
                 offset_);
  begin_ += before - ahead.size();
  offset_ += static_cast<int64_t>(before - ahead.size());
  return std::optional<uint64_t>(*length);
}

Status CarReader::Skip(uint64_t size) {
  while (size > 0) {
    size_t part = std::min<uint64_t>(size, kBuffer);
    TRY(Take(part));
    size -= part;
  }
  return Status::Ok();
}

Status CarReader::Open() {
  std::optional<uint64_t> length = TRY(TakeLength(limits_.header, "a header"));
  if (!length || *length == 0) return Wrong("it has no header", 0);
  std::string header(TRY(Take(*length)));
  Result<Value> value = ReadDagCbor(header);
  const Value* version = value.ok() ? value->Find("version") : nullptr;
  const int64_t* number = version ? version->As<int64_t>() : nullptr;
  if (number && *number == 2) return OpenVersion2();
  version_ = 1;
  return ReadHeader(header);
}

Status CarReader::ReadHeader(std::string_view header) {
  Result<Value> value = ReadDagCbor(header);
  if (!value.ok()) return Wrong("its header is " + value.status().message(), 0);
  const Value* version = value->Find("version");
  const Value* roots = value->Find("roots");
  const List* list = roots ? roots->As<List>() : nullptr;
  if (!version || !version->As<int64_t>() || !list)
    return Wrong("its header has no version or no roots", 0);
  if (*version->As<int64_t>() != 1)
    return Wrong("version " + std::to_string(*version->As<int64_t>()) + ": 1 and 2 are known", 0);
  for (const Value& each : *list) {
    const Cid* root = each.As<Cid>();
    if (!root) return Wrong("one of its roots is no CID", 0);
    roots_.push_back(*root);
  }
  return Status::Ok();
}

// After the pragma: 16 bytes of characteristics, offset and size of the payload, offset of the
// index.
Status CarReader::OpenVersion2() {
  version_ = 2;
  std::string fields(TRY(Take(kVersion2Header)));
  uint64_t from = LittleEndian(std::string_view(fields).substr(16));
  uint64_t size = LittleEndian(std::string_view(fields).substr(24));
  if (from < static_cast<uint64_t>(offset_) || from > INT64_MAX / 2 || size > INT64_MAX / 2)
    return Wrong("the place of the payload in a CAR of version 2", 11);
  TRY(Skip(from - static_cast<uint64_t>(offset_)));
  payload_end_ = offset_ + static_cast<int64_t>(size);
  std::optional<uint64_t> length = TRY(TakeLength(limits_.header, "a header"));
  if (!length || *length == 0) return Wrong("the payload has no header", offset_);
  return ReadHeader(std::string(TRY(Take(*length))));
}

Result<std::optional<CarBlock>> CarReader::Next() {
  int64_t from = offset_;
  std::optional<uint64_t> length = TRY(TakeLength(limits_.block, "a block"));
  if (!length) return std::optional<CarBlock>();
  if (*length == 0) return Wrong("a block of no bytes", from);
  std::string_view section = TRY(Take(*length));
  Result<Cid> cid = Cid::Take(section);
  if (!cid.ok()) return Wrong(cid.status().message(), from);
  return std::optional(
      CarBlock{*std::move(cid), section, offset_ - static_cast<int64_t>(section.size())});
}

}  // namespace millrace::ipld
