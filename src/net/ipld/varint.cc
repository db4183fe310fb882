#include "net/ipld/varint.h"

namespace millrace::ipld {

void AppendVarint(std::string& to, uint64_t value) {
  while (value >= 0x80) {
    to += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  to += static_cast<char>(value);
}

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >>= 7) ++size;
  return size;
}

Result<uint64_t> TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kMaxVarintBytes; ++i) {
    if (i == bytes.size()) return Invalid("a varint is cut off");
    auto byte = static_cast<unsigned char>(bytes[i]);
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte & 0x80) continue;
    if (byte == 0 && i > 0) return Invalid("a varint is longer than it has to be");
    bytes.remove_prefix(i + 1);
    return value;
  }
  return Invalid("a varint is longer than 9 bytes");
}

}  // namespace millrace::ipld
