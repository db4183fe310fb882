#include "connect/rest/cursor.h"

#include <charconv>
#include <cmath>
#include <ctime>

#include "base/text.h"

namespace millrace::rest {

namespace {

constexpr double kMillisecondsBegin = 1e11;  // a greater number is no count of seconds: year 5138

std::optional<double> Number(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

// Whole numbers as such: doubles have no more than 53 bits.
std::optional<int64_t> Whole(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<Time> ParseCursorTime(std::string_view text) {
  if (std::optional<double> number = Number(text)) {
    double seconds = *number >= kMillisecondsBegin ? *number / 1000 : *number;
    return Time(Micros(static_cast<int64_t>(std::llround(seconds * 1e6))));
  }
  return ParseTime(text);
}

std::string FormatCursorTime(Time time, const std::string& format) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  int64_t count = seconds.time_since_epoch().count();
  if (format == "epoch") return std::to_string(count);
  if (format == "epoch_ms") return std::to_string(time.time_since_epoch().count() / 1000);
  if (format == "iso8601") {
    std::string text = FormatTime(time);  // 2026-11-21T06:50:52.123456Z
    return time == seconds ? text.substr(0, 19) + "Z" : text;
  }
  std::time_t moment = static_cast<std::time_t>(count);
  std::tm parts{};
  ::gmtime_r(&moment, &parts);
  char text[100];
  return std::string(text, std::strftime(text, sizeof text, format.c_str(), &parts));
}

Status CursorOrder::Check(std::string_view value) const {
  bool good =
      type == CursorType::kText ||
      (type == CursorType::kNumber ? Number(value).has_value() : ParseCursorTime(value).ok());
  if (good) return Status::Ok();
  return Invalid("cursor value '" + CutText(std::string(value), 50) + "' is not a " +
                     (type == CursorType::kTime ? "time" : "number"),
                 "see `incremental_sync.cursor_type`");
}

bool CursorOrder::Less(std::string_view a, std::string_view b) const {
  if (type == CursorType::kText) return a < b;
  if (type == CursorType::kNumber) {
    auto x = Whole(a), y = Whole(b);
    if (x && y) return *x < *y;
    return Number(a).value_or(0) < Number(b).value_or(0);
  }
  Result<Time> x = ParseCursorTime(a), y = ParseCursorTime(b);
  return x.ok() && y.ok() && *x < *y;
}

Result<std::string> CursorOrder::Back(std::string_view value, Micros back) const {
  if (back.count() == 0 || type == CursorType::kText) return std::string(value);
  if (type == CursorType::kNumber) {
    if (auto whole = Whole(value)) return std::to_string(*whole - back.count() / 1'000'000);
    return Invalid("cursor value '" + std::string(value) + "' is not a whole number");
  }
  return FormatTime(TRY(ParseCursorTime(value)) - back);
}

}  // namespace millrace::rest
