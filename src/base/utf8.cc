#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace millrace {

namespace {

// How many bytes the character that begins here has; 0: it is none. `left` is at least 1.
size_t CharacterLength(const unsigned char* at, size_t left) {
  unsigned char first = at[0];
  auto follows = [&](size_t i) { return i < left && (at[i] & 0xc0) == 0x80; };
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !follows(1)) return 0;
  if (first < 0xe0) return 2;
  if (!follows(2)) return 0;
  if (first == 0xe0 && at[1] < 0xa0) return 0;  // overlong
  if (first == 0xed && at[1] > 0x9f) return 0;  // a surrogate
  if (first < 0xf0) return 3;
  if (first == 0xf0 && at[1] < 0x90) return 0;
  if (first == 0xf4 && at[1] > 0x8f) return 0;
  return follows(3) ? 4 : 0;
}

}  // namespace

bool IsUtf8Text(std::string_view text) {
  if (IsAscii(text)) return true;
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  for (size_t left = text.size(); left > 0;) {
    uint64_t eight = 0x80;
    if (left >= sizeof eight) std::memcpy(&eight, at, sizeof eight);
    size_t length = (eight & 0x8080808080808080) == 0 ? sizeof eight : CharacterLength(at, left);
    if (length == 0) return false;
    at += length;
    left -= length;
  }
  return true;
}

}  // namespace millrace
