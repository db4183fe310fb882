#include "data/value_text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/time.h"

namespace millrace {

namespace {

constexpr int kMostDigits = 38;
constexpr int64_t kMicrosADay = 86'400'000'000;

constexpr __int128 PowerOfTen(int exponent) {
  __int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

template <class T>
bool ParseAll(std::string_view text, T& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// Two digits, or more of a year.
void AppendPadded(std::string& out, int64_t value, int digits) {
  char text[20];
  int length = 0;
  for (; value > 0 || length < digits; value /= 10) text[length++] = char('0' + value % 10);
  while (length > 0) out += text[--length];
}

}  // namespace

bool FitsPrecision(__int128 value, int precision) {
  static const auto powers = [] {
    struct {
      __int128 of[kMostDigits + 1];
    } table;
    for (int i = 0; i <= kMostDigits; ++i) table.of[i] = PowerOfTen(i);
    return table;
  }();
  __int128 limit = powers.of[std::clamp(precision, 0, kMostDigits)];
  return value < limit && value > -limit;
}

bool ParseDecimal(std::string_view text, int precision, int scale, __int128& out) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  size_t e = text.find_first_of("eE");
  int64_t exponent = 0;
  if (e != text.npos && !ParseAll(text.substr(e + 1), exponent)) return false;
  if (exponent > 100'000 || exponent < -100'000) return false;
  std::string_view digits = text.substr(0, e);
  __int128 value = 0;
  int64_t before_point = -1, seen = 0, taken = 0;
  for (char c : digits) {
    if (c == '.' && before_point < 0) {
      before_point = seen;
      continue;
    }
    if (!IsDigit(c)) return false;
    ++seen;
  }
  if (seen == 0) return false;
  if (before_point < 0) before_point = seen;
  int64_t wanted = before_point + exponent + scale;  // digits that count; the next one rounds
  // One digit more than these have is too many for any precision, and soon for the number itself.
  constexpr __int128 most = PowerOfTen(kMostDigits - 1);
  for (char c : digits) {
    if (c == '.') continue;
    if (taken >= wanted) {
      if (taken == wanted && c >= '5') ++value;
      break;
    }
    if (value >= most) return false;
    value = value * 10 + (c - '0');
    ++taken;
  }
  for (; taken < wanted && value != 0; ++taken) {
    if (value >= most) return false;
    value *= 10;
  }
  out = negative ? -value : value;
  return FitsPrecision(value, precision);
}

bool ParseInteger(std::string_view text, int64_t& out) {
  if (ParseAll(text, out)) return true;
  if (text.find_first_of(".eE") == text.npos) return false;
  __int128 value = 0, again = 0;
  // A fraction or exponent: whole all the same?
  if (!ParseDecimal(text, 19, 0, value) || !ParseDecimal(text, kMostDigits, 18, again))
    return false;
  if (value * PowerOfTen(18) != again || value != static_cast<int64_t>(value)) return false;
  out = static_cast<int64_t>(value);
  return true;
}

bool ParseReal(std::string_view text, double& out) { return ParseAll(text, out); }

bool ParseDay(std::string_view text, int32_t& days) {
  int64_t micros = 0;
  if (text.size() != 10 || !ParseMicros(text, micros)) return false;
  days = static_cast<int32_t>(micros / kMicrosADay);
  return true;
}

namespace {

// Two digits at `at`; beyond any number of two digits when they are none.
int TwoDigits(const char* at) {
  auto high = static_cast<unsigned>(at[0] - '0'), low = static_cast<unsigned>(at[1] - '0');
  return high > 9 || low > 9 ? 1000 : static_cast<int>(high * 10 + low);
}

// "2026-11-21T06:50:52[.123456][Z|+hh:mm]", which most are. False: not of this form.
bool ParseUsual(std::string_view text, int64_t& micros) {
  if (text.size() < 19) return false;
  const char* at = text.data();
  bool form = at[4] == '-' && at[7] == '-' && (at[10] == 'T' || at[10] == ' ') && at[13] == ':' &&
              at[16] == ':';
  int century = TwoDigits(at), year = TwoDigits(at + 2), month = TwoDigits(at + 5),
      day = TwoDigits(at + 8), hours = TwoDigits(at + 11), minutes = TwoDigits(at + 14),
      seconds = TwoDigits(at + 17);
  if (!form || century > 99 || year > 99 || hours > 23 || minutes > 59 || seconds > 59)
    return false;
  std::chrono::year_month_day date{std::chrono::year(century * 100 + year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  micros = std::chrono::sys_days(date).time_since_epoch().count() * kMicrosADay +
           ((hours * 60 + minutes) * 60 + seconds) * int64_t{1'000'000};
  const char* end = at + text.size();
  at += 19;
  if (at < end && *at == '.') {
    int64_t unit = 1'000'000;
    const char* begin = ++at;
    for (; at < end && IsDigit(*at); ++at) micros += (*at - '0') * (unit /= 10);
    if (at == begin || at - begin > 6) return false;
  }
  if (at == end || (*at == 'Z' && at + 1 == end)) return true;
  if (end - at != 6 || (*at != '+' && *at != '-') || at[3] != ':') return false;
  int zone_hours = TwoDigits(at + 1), zone_minutes = TwoDigits(at + 4);
  if (zone_hours > 18 || zone_minutes > 59) return false;
  int64_t zone = (zone_hours * 60 + zone_minutes) * int64_t{60'000'000};
  micros -= *at == '+' ? zone : -zone;
  return true;
}

}  // namespace

bool ParseMicros(std::string_view text, int64_t& micros) {
  if (ParseUsual(text, micros)) return true;
  Result<Time> time = ParseTime(text);
  if (time.ok()) micros = time->time_since_epoch().count();
  return time.ok();
}

bool ParseTimeOfDay(std::string_view text, int64_t& micros) {
  if (text.size() < 5 || text.size() > 32 || !IsDigit(text.back())) return false;
  size_t zone = text.find_first_of("+-Zz");
  return zone == text.npos && ParseMicros("1970-01-01T" + std::string(text), micros);
}

void AppendDecimal(std::string& out, __int128 value, int scale) {
  char text[48];
  int length = 0;
  bool negative = value < 0;
  unsigned __int128 rest =
      negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  for (; rest > 0 || length <= scale; rest /= 10) {
    text[length++] = char('0' + static_cast<int>(rest % 10));
    if (length == scale) text[length++] = '.';
  }
  if (scale > 0 && text[length - 1] == '.') text[length++] = '0';
  if (negative) out += '-';
  while (length > 0) out += text[--length];
}

namespace {

template <class T>
void AppendShortest(std::string& out, T value) {
  char text[64];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void AppendReal(std::string& out, double value) { AppendShortest(out, value); }
void AppendReal(std::string& out, float value) { AppendShortest(out, value); }

void AppendDay(std::string& out, int32_t days) {
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  int year = static_cast<int>(date.year());
  if (year < 0) out += '-';
  AppendPadded(out, std::abs(year), 4);
  out += '-';
  AppendPadded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  AppendPadded(out, static_cast<unsigned>(date.day()), 2);
}

void AppendTimestamp(std::string& out, int64_t micros, bool utc) {
  int64_t day = micros / kMicrosADay - (micros % kMicrosADay < 0);
  AppendDay(out, static_cast<int32_t>(day));
  out += 'T';
  AppendTimeOfDay(out, micros - day * kMicrosADay);
  if (utc) out += 'Z';
}

void AppendTimeOfDay(std::string& out, int64_t micros) {
  AppendPadded(out, micros / 3'600'000'000, 2);
  out += ':';
  AppendPadded(out, micros / 60'000'000 % 60, 2);
  out += ':';
  AppendPadded(out, micros / 1'000'000 % 60, 2);
  if (micros % 1'000'000 == 0) return;
  out += '.';
  AppendPadded(out, micros % 1'000'000, 6);
}

bool FitsWidth(int64_t value, int bytes) {
  if (bytes >= 8) return true;
  int64_t limit = int64_t{1} << (bytes * 8 - 1);
  return value >= -limit && value < limit;
}

}  // namespace millrace
