#include "connect/postgres/numeric.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "connect/postgres/big_endian.h"

namespace millrace::postgres {

namespace {

constexpr int kBaseDigits = 4;
constexpr Int128 kBase = 10'000;
constexpr uint16_t kPositive = 0, kNegative = 0x4000, kNan = 0xC000, kInfinite = 0xD000,
                   kMinusInfinite = 0xF000;
constexpr int kMostScale = 16383;

void Head(int digits, int weight, uint16_t sign, int scale, std::string& out) {
  AppendInt<int16_t>(static_cast<int16_t>(digits), out);
  AppendInt<int16_t>(static_cast<int16_t>(weight), out);
  AppendInt<uint16_t>(sign, out);
  AppendInt<int16_t>(static_cast<int16_t>(scale), out);
}

// Decimal digits, the last `scale` of them behind the point.
void EncodeDigits(std::string_view digits, int scale, bool negative, std::string& out) {
  while (digits.size() > static_cast<size_t>(scale) && digits[0] == '0') digits.remove_prefix(1);
  int whole = static_cast<int>(digits.size()) - scale;
  int lead = whole > 0 ? (kBaseDigits - whole % kBaseDigits) % kBaseDigits : 0;
  int trail = (kBaseDigits - scale % kBaseDigits) % kBaseDigits;
  if (whole <= 0) lead = 0;
  int count = (lead + static_cast<int>(digits.size()) + trail) / kBaseDigits;
  int weight = (whole + lead) / kBaseDigits - 1;
  std::string groups;
  int first = -1, last = -1;
  auto digit = [&](int at) {
    at -= lead;
    return at >= 0 && at < static_cast<int>(digits.size()) ? digits[static_cast<size_t>(at)] - '0'
                                                           : 0;
  };
  for (int i = 0; i < count; ++i) {
    int value = 0;
    for (int j = 0; j < kBaseDigits; ++j) value = value * 10 + digit(i * kBaseDigits + j);
    AppendInt<int16_t>(static_cast<int16_t>(value), groups);
    if (value != 0 && first < 0) first = i;
    if (value != 0) last = i;
  }
  if (first < 0) return Head(0, 0, kPositive, scale, out);
  Head(last - first + 1, weight - first, negative ? kNegative : kPositive, scale, out);
  out.append(groups, static_cast<size_t>(first) * 2, static_cast<size_t>(last - first + 1) * 2);
}

struct Numeric {
  int count = 0, weight = 0, scale = 0;
  uint16_t sign = 0;
  std::string_view digits;
  int Digit(int at) const { return at < count ? ReadInt<int16_t>(digits.data() + 2 * at) : 0; }
};

std::optional<Numeric> Parse(std::string_view bytes) {
  if (bytes.size() < 8) return std::nullopt;
  Numeric numeric{.count = ReadInt<int16_t>(bytes.data()),
                  .weight = ReadInt<int16_t>(bytes.data() + 2),
                  .scale = ReadInt<int16_t>(bytes.data() + 6),
                  .sign = ReadInt<uint16_t>(bytes.data() + 4),
                  .digits = bytes.substr(8)};
  if (numeric.count < 0 || numeric.digits.size() < static_cast<size_t>(numeric.count) * 2)
    return std::nullopt;
  return numeric;
}

}  // namespace

void EncodeNumeric(Int128 value, int scale, std::string& out) {
  std::array<char, 80> text;
  size_t at = text.size();
  bool negative = value < 0;
  auto rest =
      negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  while (rest > UINT64_MAX) {
    text[--at] = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  for (auto small = static_cast<uint64_t>(rest); small; small /= 10)
    text[--at] = static_cast<char>('0' + small % 10);
  while (text.size() - at < static_cast<size_t>(scale)) text[--at] = '0';
  EncodeDigits({text.data() + at, text.size() - at}, scale, negative, out);
}

bool EncodeNumeric(std::string_view text, std::string& out) {
  text = Trim(text);
  std::string word = ToLower(text);
  if (word == "nan") return Head(0, 0, kNan, 0, out), true;
  if (word == "infinity" || word == "inf") return Head(0, 0, kInfinite, 0, out), true;
  if (word == "-infinity" || word == "-inf") return Head(0, 0, kMinusInfinite, 0, out), true;
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::string digits;
  int scale = 0, exponent = 0;
  bool point = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c >= '0' && c <= '9') {
      digits += c;
      scale += point;
    } else if (c == '.' && !point) {
      point = true;
    } else if ((c == 'e' || c == 'E') && !digits.empty()) {
      std::string_view rest = text.substr(i + 1);
      if (rest.starts_with('+')) rest.remove_prefix(1);
      auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), exponent);
      if (error != std::errc() || end != rest.data() + rest.size()) return false;
      break;
    } else {
      return false;
    }
  }
  if (digits.empty() || std::abs(exponent) > kMostScale) return false;
  scale -= exponent;
  if (scale < 0) digits.append(static_cast<size_t>(-scale), '0'), scale = 0;
  if (digits.size() < static_cast<size_t>(scale))
    digits.insert(0, static_cast<size_t>(scale) - digits.size(), '0');
  if (scale > kMostScale || digits.size() > 131072) return false;
  EncodeDigits(digits, scale, negative, out);
  return true;
}

std::optional<Int128> DecodeNumeric(std::string_view bytes, int scale) {
  std::optional<Numeric> numeric = Parse(bytes);
  if (!numeric || (numeric->sign != kPositive && numeric->sign != kNegative)) return std::nullopt;
  if (numeric->weight > 9) return std::nullopt;
  Int128 value = 0;
  int places = (scale + kBaseDigits - 1) / kBaseDigits;  // groups behind the point
  for (int i = 0; i <= numeric->weight + places; ++i) {
    int left = scale - (i - numeric->weight) * kBaseDigits;  // digits still wanted after this group
    Int128 digits = numeric->Digit(i), times = kBase;
    for (int j = left; j < 0; ++j) digits /= 10, times /= 10;
    if (__builtin_mul_overflow(value, times, &value) ||
        __builtin_add_overflow(value, digits, &value))
      return std::nullopt;
  }
  return numeric->sign == kNegative ? -value : value;
}

std::string NumericText(std::string_view bytes) {
  std::optional<Numeric> numeric = Parse(bytes);
  if (!numeric || numeric->sign == kNan) return "NaN";
  if (numeric->sign == kInfinite) return "Infinity";
  if (numeric->sign == kMinusInfinite) return "-Infinity";
  std::string text = numeric->sign == kNegative ? "-" : "";
  auto group = [&](int at) {  // before the first: zeros right behind the point
    std::string four = std::to_string(at < 0 ? 0 : numeric->Digit(at));
    return std::string(kBaseDigits - four.size(), '0') + four;
  };
  std::string whole;
  for (int i = 0; i <= numeric->weight; ++i) whole += group(i);
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  text += whole.empty() ? "0" : whole;
  if (numeric->scale == 0) return text;
  std::string behind;
  for (int i = numeric->weight + 1; static_cast<int>(behind.size()) < numeric->scale; ++i)
    behind += group(i);
  return text + "." + behind.substr(0, static_cast<size_t>(numeric->scale));
}

}  // namespace millrace::postgres
