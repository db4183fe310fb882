#include "net/ipld/unixfs.h"

#include <bit>
#include <cstring>

#include "net/ipld/varint.h"

namespace millrace::ipld {

namespace {

enum Wire : int { kVarint = 0, kBytesWire = 2 };

void AppendNumber(std::string& to, int field, uint64_t value) {
  AppendVarint(to, field << 3 | kVarint);
  AppendVarint(to, value);
}

void AppendBytes(std::string& to, int field, std::string_view bytes) {
  AppendVarint(to, field << 3 | kBytesWire);
  AppendVarint(to, bytes.size());
  to += bytes;
}

// Field by field through a protobuf message.
class Fields {
 public:
  Fields(std::string_view bytes, const char* what)
      : begin_(bytes.data()), rest_(bytes), what_(what) {}

  int field = 0, wire = 0;
  uint64_t number = 0;     // of a varint
  std::string_view bytes;  // of the other kind

  // False at the end.
  Result<bool> Next() {
    if (rest_.empty()) return false;
    Result<uint64_t> key = TakeVarint(rest_);
    if (!key.ok()) return Wrong(key.status().message());
    if (*key >> 3 == 0 || *key >> 3 > 15) return Wrong("an unknown field");
    field = static_cast<int>(*key >> 3);
    wire = static_cast<int>(*key & 7);
    if (wire != kVarint && wire != kBytesWire) return Wrong("a field of an unknown type");
    Result<uint64_t> value = TakeVarint(rest_);
    if (!value.ok()) return Wrong(value.status().message());
    number = *value;
    if (wire == kVarint) return true;
    if (number > rest_.size()) return Wrong("it is cut off");
    bytes = rest_.substr(0, number);
    rest_.remove_prefix(number);
    return true;
  }

  Status Wrong(const std::string& why) const {
    return Invalid(std::string("no ") + what_ + " at byte " +
                   std::to_string(rest_.data() - begin_) + ": " + why);
  }

 private:
  const char* begin_;
  std::string_view rest_;
  const char* what_;
};

Result<PbLink> ReadLink(std::string_view bytes) {
  PbLink link;
  Fields fields(bytes, "dag-pb link");
  int last = 0;
  while (TRY(fields.Next())) {
    if (fields.field <= last) return fields.Wrong("fields out of order, or twice");
    last = fields.field;
    if (fields.field == 1 && fields.wire == kBytesWire) {
      link.cid = TRY(Cid::FromBytes(fields.bytes));
    } else if (fields.field == 2 && fields.wire == kBytesWire) {
      link.name = fields.bytes;
    } else if (fields.field == 3 && fields.wire == kVarint) {
      link.tsize = fields.number;
    } else {
      return fields.Wrong("an unknown field");
    }
  }
  if (link.cid.empty()) return fields.Wrong("it names no block");
  return link;
}

// Block sizes one by one, or packed, which readers of protobuf accept, too.
Status AddBlockSizes(const Fields& fields, std::vector<uint64_t>& sizes) {
  if (fields.wire == kVarint) {
    sizes.push_back(fields.number);
    return Status::Ok();
  }
  std::string_view packed = fields.bytes;
  while (!packed.empty()) sizes.push_back(TRY(TakeVarint(packed)));
  return Status::Ok();
}

uint64_t Mix(uint64_t k) {
  k ^= k >> 33;
  k *= 0xff51afd7ed558ccd;
  k ^= k >> 33;
  k *= 0xc4ceb9fe1a85ec53;
  return k ^ k >> 33;
}

}  // namespace

std::string WriteDagPb(const PbNode& node) {
  std::string block, link;
  for (const PbLink& each : node.links) {
    link.clear();
    AppendBytes(link, 1, each.cid.bytes());
    AppendBytes(link, 2, each.name);
    AppendNumber(link, 3, each.tsize);
    AppendBytes(block, 2, link);
  }
  AppendBytes(block, 1, node.data);
  return block;
}

Result<PbNode> ReadDagPb(std::string_view block) {
  PbNode node;
  bool has_data = false;
  Fields fields(block, "dag-pb");
  while (TRY(fields.Next())) {
    if (fields.wire != kBytesWire || fields.field > 2) return fields.Wrong("an unknown field");
    if (fields.field == 2) {
      node.links.push_back(TRY(ReadLink(fields.bytes)));
    } else {
      if (has_data) return fields.Wrong("data twice");
      has_data = true;
      node.data = fields.bytes;
    }
  }
  return node;
}

std::string WriteUnixFs(const UnixFs& data) {
  std::string bytes;
  AppendNumber(bytes, 1, static_cast<uint64_t>(data.type));
  if (!data.data.empty()) AppendBytes(bytes, 2, data.data);
  if (data.type == UnixFsType::kFile) AppendNumber(bytes, 3, data.file_size);
  for (uint64_t size : data.block_sizes) AppendNumber(bytes, 4, size);
  if (data.type == UnixFsType::kHamt) {
    AppendNumber(bytes, 5, data.hash);
    AppendNumber(bytes, 6, data.fanout);
  }
  return bytes;
}

Result<UnixFs> ReadUnixFs(std::string_view data) {
  UnixFs read;
  bool typed = false;
  Fields fields(data, "UnixFS");
  while (TRY(fields.Next())) {
    bool number = fields.wire == kVarint;
    switch (fields.field) {
      case 1:
        if (!number || fields.number > 5) return fields.Wrong("an unknown type");
        read.type = static_cast<UnixFsType>(fields.number);
        typed = true;
        break;
      case 2:
        if (number) return fields.Wrong("data that is a number");
        read.data = fields.bytes;
        break;
      case 3: read.file_size = fields.number; break;
      case 4: TRY(AddBlockSizes(fields, read.block_sizes)); break;
      case 5: read.hash = fields.number; break;
      case 6: read.fanout = fields.number; break;
      case 7:         // mode
      case 8: break;  // time
      default: return fields.Wrong("an unknown field");
    }
  }
  if (!typed) return fields.Wrong("it has no type");
  return read;
}

uint64_t Murmur3(std::string_view bytes) {
  constexpr uint64_t kC1 = 0x87c37b91114253d5, kC2 = 0x4cf5ad432745937f;
  const size_t size = bytes.size();
  uint64_t h1 = 0, h2 = 0;
  auto first = [&](uint64_t k) { h1 ^= std::rotl(k * kC1, 31) * kC2; };
  auto second = [&](uint64_t k) { h2 ^= std::rotl(k * kC2, 33) * kC1; };
  for (; bytes.size() >= 16; bytes.remove_prefix(16)) {
    uint64_t k[2];
    std::memcpy(k, bytes.data(), 16);
    first(k[0]);
    h1 = (std::rotl(h1, 27) + h2) * 5 + 0x52dce729;
    second(k[1]);
    h2 = (std::rotl(h2, 31) + h1) * 5 + 0x38495ab5;
  }
  uint64_t tail[2] = {0, 0};
  std::memcpy(tail, bytes.data(), bytes.size());
  second(tail[1]);
  first(tail[0]);
  h1 ^= size;
  h2 ^= size;
  h1 += h2;
  h2 += h1;
  return Mix(h1) + Mix(h2);
}

}  // namespace millrace::ipld
