#include "net/ipld/base_n.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace millrace::ipld {

namespace {

constexpr std::string_view k32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view k58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr size_t kMaxBase58 = 128;

// `digits`, most significant first, from one base to another.
std::vector<uint8_t> Rebase(const std::vector<uint8_t>& digits, int from, int to) {
  std::vector<uint8_t> result;  // least significant first
  for (uint8_t digit : digits) {
    int carry = digit;
    for (uint8_t& each : result) {
      carry += each * from;
      each = static_cast<uint8_t>(carry % to);
      carry /= to;
    }
    for (; carry > 0; carry /= to) result.push_back(static_cast<uint8_t>(carry % to));
  }
  std::reverse(result.begin(), result.end());
  return result;
}

}  // namespace

std::string Base32(std::string_view bytes) {
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (unsigned char byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5; count -= 5) text += k32[bits >> (count - 5) & 31];
  }
  if (count > 0) text += k32[bits << (5 - count) & 31];
  return text;
}

std::optional<std::string> FromBase32(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char each : text) {
    size_t digit = k32.find(each);
    if (digit == k32.npos) return std::nullopt;
    bits = bits << 5 | static_cast<uint32_t>(digit);
    if ((count += 5) < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count);
  }
  if (count >= 5 || (bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::string Base58(std::string_view bytes) {
  std::string text(std::min(bytes.find_first_not_of('\0'), bytes.size()), '1');
  std::vector<uint8_t> digits(bytes.begin(), bytes.end());
  for (uint8_t digit : Rebase(digits, 256, 58)) text += k58[digit];
  return text;
}

std::optional<std::string> FromBase58(std::string_view text) {
  if (text.size() > kMaxBase58) return std::nullopt;
  std::string bytes(std::min(text.find_first_not_of('1'), text.size()), '\0');
  std::vector<uint8_t> digits;
  for (char each : text) {
    size_t digit = k58.find(each);
    if (digit == k58.npos) return std::nullopt;
    digits.push_back(static_cast<uint8_t>(digit));
  }
  for (uint8_t byte : Rebase(digits, 58, 256)) bytes += static_cast<char>(byte);
  return bytes;
}

}  // namespace millrace::ipld
