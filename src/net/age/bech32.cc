#include "net/age/bech32.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/text.h"

namespace millrace::age {

namespace {

constexpr std::string_view kLetters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr size_t kChecksum = 6, kLongest = 1000;

// Of the prefix, in small letters, and groups of five bits.
uint32_t Remainder(std::string_view prefix, const std::vector<uint8_t>& data) {
  constexpr uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  uint32_t sum = 1;
  auto add = [&](uint32_t five) {
    uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ five;
    for (int i = 0; i < 5; ++i) {
      if (top >> i & 1) sum ^= kGenerator[i];
    }
  };
  for (char c : prefix) add(static_cast<uint8_t>(c) >> 5);
  add(0);
  for (char c : prefix) add(static_cast<uint8_t>(c) & 31);
  for (uint8_t five : data) add(five);
  return sum;
}

std::vector<uint8_t> ToFives(std::string_view bytes) {
  std::vector<uint8_t> fives;
  uint32_t held = 0;
  int bits = 0;
  for (char c : bytes) {
    held = held << 8 | static_cast<uint8_t>(c);
    for (bits += 8; bits >= 5; bits -= 5) fives.push_back(held >> (bits - 5) & 31);
    held &= 31;
  }
  if (bits > 0) fives.push_back(held << (5 - bits) & 31);
  return fives;
}

std::optional<std::string> FromFives(const std::vector<uint8_t>& fives) {
  std::string bytes;
  uint32_t held = 0;
  int bits = 0;
  for (uint8_t five : fives) {
    held = (held << 5 | five) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits & 0xff);
  }
  bool padded = bits < 5 && (held & ((1u << bits) - 1)) == 0;
  return padded ? std::optional(bytes) : std::nullopt;
}

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

std::string ToBech32(std::string_view prefix, std::string_view bytes) {
  std::string lower = ToLower(prefix);
  std::vector<uint8_t> data = ToFives(bytes), summed = data;
  summed.resize(data.size() + kChecksum);
  uint32_t sum = Remainder(lower, summed) ^ 1;
  for (size_t i = 0; i < kChecksum; ++i) data.push_back(sum >> (5 * (kChecksum - 1 - i)) & 31);
  std::string text = lower + "1";
  for (uint8_t five : data) text += kLetters[five];
  bool capitals = std::any_of(prefix.begin(), prefix.end(), IsUpper);
  if (!capitals) return text;
  for (char& c : text) c = IsLower(c) ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::optional<std::string> FromBech32(std::string_view prefix, std::string_view text) {
  bool capitals = std::any_of(prefix.begin(), prefix.end(), IsUpper);
  size_t head = prefix.size() + 1;
  if (text.size() < head + kChecksum || text.size() > kLongest) return std::nullopt;
  if (text.substr(0, prefix.size()) != prefix || text[prefix.size()] != '1') return std::nullopt;
  std::vector<uint8_t> data;
  for (char c : text.substr(head)) {
    if (capitals ? IsLower(c) : IsUpper(c)) return std::nullopt;
    size_t at = kLetters.find(IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c);
    if (at == kLetters.npos) return std::nullopt;
    data.push_back(static_cast<uint8_t>(at));
  }
  if (Remainder(ToLower(prefix), data) != 1) return std::nullopt;
  data.resize(data.size() - kChecksum);
  return FromFives(data);
}

}  // namespace millrace::age
