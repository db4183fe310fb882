#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace millrace {

namespace {

struct Civil {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<Micros> time;
};

Civil Split(Time time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss<Micros>(time - day)};
}

// Reads exactly `digits` digits at the front of `text`.
bool TakeNumber(std::string_view& text, size_t digits, int& out) {
  if (text.size() < digits) return false;
  int number = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;  // no sign either
    number = number * 10 + (text[i] - '0');
  }
  out = number;
  text.remove_prefix(digits);
  return true;
}

bool Take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// "[:ss[.ffffff]]"
bool TakeSeconds(std::string_view& text, Micros& out) {
  if (!Take(text, ':')) return true;
  int seconds = 0;
  if (!TakeNumber(text, 2, seconds) || seconds > 59) return false;
  out += std::chrono::seconds(seconds);
  if (!Take(text, '.')) return true;
  int64_t fraction = 0;
  int digits = 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), ++digits) {
    if (digits < 6) fraction = fraction * 10 + (text[0] - '0');
  }
  if (digits == 0) return false;
  for (; digits < 6; ++digits) fraction *= 10;
  out += Micros(fraction);
  return true;
}

// "Z", "+hh:mm", "-hhmm" or nothing.
bool TakeZone(std::string_view& text, Micros& offset) {
  if (text.empty() || Take(text, 'Z') || Take(text, 'z')) return true;
  int sign = text[0] == '-' ? -1 : 1;
  if (text[0] != '-' && text[0] != '+') return false;
  text.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!TakeNumber(text, 2, hours)) return false;
  Take(text, ':');
  if (!text.empty() && !TakeNumber(text, 2, minutes)) return false;
  if (hours > 18 || minutes > 59) return false;
  offset = sign * (std::chrono::hours(hours) + std::chrono::minutes(minutes));
  return true;
}

struct Unit {
  std::string_view name;
  int64_t size;
};

constexpr std::array<Unit, 6> kDurations{{{"w", 604'800'000'000},
                                          {"d", 86'400'000'000},
                                          {"h", 3'600'000'000},
                                          {"m", 60'000'000},
                                          {"s", 1'000'000},
                                          {"ms", 1000}}};

}  // namespace

std::string FormatTime(Time time) {
  Civil civil = Split(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", int(civil.date.year()),
                     unsigned(civil.date.month()), unsigned(civil.date.day()),
                     civil.time.hours().count(), civil.time.minutes().count(),
                     civil.time.seconds().count(), civil.time.subseconds().count());
}

Result<Time> ParseTime(std::string_view text) {
  std::string_view rest = Trim(text);
  auto bad = [&] {
    return Invalid(fmt::format("'{}' is not a time", text),
                   "write 2026-11-21, 2026-11-21T06:50:00 or 2026-11-21T06:50:00+01:00");
  };
  int year = 0, month = 0, day = 0, hours = 0, minutes = 0;
  if (!TakeNumber(rest, 4, year) || !Take(rest, '-') || !TakeNumber(rest, 2, month) ||
      !Take(rest, '-') || !TakeNumber(rest, 2, day)) {
    return bad();
  }
  std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                                   std::chrono::day(unsigned(day))};
  if (!date.ok()) return bad();
  Micros time{0}, zone{0};
  if (!rest.empty()) {
    if (!Take(rest, 'T') && !Take(rest, ' ')) return bad();
    if (!TakeNumber(rest, 2, hours) || !Take(rest, ':') || !TakeNumber(rest, 2, minutes))
      return bad();
    if (hours > 23 || minutes > 59) return bad();
    time = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (!TakeSeconds(rest, time) || !TakeZone(rest, zone) || !rest.empty()) return bad();
  }
  return Time(std::chrono::sys_days(date)) + time - zone;
}

std::string FormatDuration(Micros duration) {
  int64_t micros = duration.count();
  if (micros < 1000) return fmt::format("{} µs", micros);
  if (micros < 1'000'000) return fmt::format("{} ms", micros / 1000);
  double seconds = micros / 1e6;
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  int64_t whole = (micros + 500'000) / 1'000'000;
  if (whole < 3600) return fmt::format("{}m {}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h {}m", whole / 3600, whole / 60 % 60);
  return fmt::format("{}d {}h", whole / 86400, whole / 3600 % 24);
}

Result<Micros> ParseDuration(std::string_view text) {
  Status bad =
      Invalid(fmt::format("'{}' is not a duration", text), "write 250ms, 5s, 10m, 2h or 7d");
  std::string_view rest = Trim(text);
  if (rest.empty()) return bad;
  double total = 0;
  while (!rest.empty()) {
    double number = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || number < 0 || !std::isfinite(number)) return bad;
    rest.remove_prefix(size_t(end - rest.data()));
    size_t letters = 0;
    while (letters < rest.size() && std::isalpha(static_cast<unsigned char>(rest[letters])))
      ++letters;
    const Unit* found = nullptr;
    for (const Unit& unit : kDurations) {
      if (unit.name == rest.substr(0, letters)) found = &unit;
    }
    if (found == nullptr) return bad;
    total += number * double(found->size);
    rest.remove_prefix(letters);
  }
  if (total > 9e18) return bad;
  return Micros(std::llround(total));
}

std::string DurationText(Micros duration) {
  int64_t micros = duration.count();
  for (const Unit& unit : kDurations) {
    if (micros != 0 && micros % unit.size == 0) {
      return fmt::format("{}{}", micros / unit.size, unit.name);
    }
  }
  return micros == 0 ? "0s" : fmt::format("{}ms", double(micros) / 1000);
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits{"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = double(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Result<int64_t> ParseBytes(std::string_view text, int64_t whole) {
  static constexpr std::array<Unit, 13> kUnits{{{"", 1},
                                                {"b", 1},
                                                {"k", 1000},
                                                {"kb", 1000},
                                                {"kib", 1024},
                                                {"m", 1'000'000},
                                                {"mb", 1'000'000},
                                                {"mib", 1 << 20},
                                                {"g", 1'000'000'000},
                                                {"gb", 1'000'000'000},
                                                {"gib", 1 << 30},
                                                {"tb", 1'000'000'000'000},
                                                {"tib", int64_t{1} << 40}}};
  Status bad = Invalid(fmt::format("'{}' is not a size", text), "write 512MB, 2GiB or 60%");
  std::string_view rest = Trim(text);
  double number = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || number < 0 || !std::isfinite(number)) return bad;
  std::string unit = ToLower(Trim(rest.substr(size_t(end - rest.data()))));
  if (unit == "%") {
    if (whole <= 0 || number > 100) return bad;
    return int64_t(double(whole) * number / 100);
  }
  for (const Unit& each : kUnits) {
    if (each.name == unit && number * double(each.size) < 9e18)
      return int64_t(number * double(each.size));
  }
  return bad;
}

std::string BytesText(int64_t bytes) {
  static constexpr std::array<Unit, 6> kUnits{{{"GB", 1'000'000'000},
                                               {"GiB", 1 << 30},
                                               {"MB", 1'000'000},
                                               {"MiB", 1 << 20},
                                               {"kB", 1000},
                                               {"KiB", 1024}}};
  for (const Unit& unit : kUnits) {
    if (bytes != 0 && bytes % unit.size == 0) {
      return fmt::format("{}{}", bytes / unit.size, unit.name);
    }
  }
  return fmt::format("{}", bytes);
}

std::string FormatCount(int64_t count) {
  std::string digits = std::to_string(count);
  for (int at = int(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3)
    digits.insert(size_t(at), ",");
  return digits;
}

}  // namespace millrace
