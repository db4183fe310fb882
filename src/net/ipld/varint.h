// Unsigned LEB128 numbers as multiformats have them:
// https://github.com/multiformats/unsigned-varint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace::ipld {

inline constexpr size_t kMaxVarintBytes = 9;  // 63 bits

void AppendVarint(std::string& to, uint64_t value);
size_t VarintSize(uint64_t value);
// Takes one from the front. kInvalid: it ends early, is longer than 9 bytes or than it had to be.
Result<uint64_t> TakeVarint(std::string_view& bytes);

}  // namespace millrace::ipld
