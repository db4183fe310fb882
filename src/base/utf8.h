// Whether bytes are text.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

// No byte above 0x7f. Looks at words; the last one may overlap the one before it.
inline bool IsAscii(std::string_view text) {
  size_t size = text.size();
  uint64_t seen = 0;
  auto look = [&]<class Word>(size_t at, Word word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    seen |= word;
  };
  if (size >= sizeof(uint64_t)) {
    for (size_t at = 0; at + sizeof(uint64_t) < size; at += sizeof(uint64_t)) look(at, uint64_t{});
    look(size - sizeof(uint64_t), uint64_t{});
  } else if (size >= sizeof(uint32_t)) {
    look(0, uint32_t{});
    look(size - sizeof(uint32_t), uint32_t{});
  } else {
    for (size_t at = 0; at < size; ++at) look(at, uint8_t{});
  }
  return (seen & 0x8080808080808080) == 0;
}

// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool IsUtf8Text(std::string_view text);

}  // namespace millrace
