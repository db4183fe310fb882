// Points in time, in UTC, to the microsecond; durations and sizes; and how they are written.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

using Micros = std::chrono::microseconds;
using Time = std::chrono::sys_time<Micros>;

// "2026-11-21T06:50:52.123456Z"
std::string FormatTime(Time time);
// Accepts "2026-11-21", "2026-11-21 06:50[:52[.123456]]", with 'T' or blank, 'Z', "+hh:mm" or
// nothing (UTC).
Result<Time> ParseTime(std::string_view text);

// "1h 2m", "3.4 s", "120 ms": for people.
std::string FormatDuration(Micros duration);
// "250ms", "5s", "10m", "2h", "7d", "1h30m"; a bare number is refused: units are not guessed.
Result<Micros> ParseDuration(std::string_view text);
// "90s": as ParseDuration reads it back, exactly.
std::string DurationText(Micros duration);
// "12.3 MB" (decimal), for people.
std::string FormatBytes(int64_t bytes);
// "512MB", "1GiB", "60%" of `whole` (bytes).
Result<int64_t> ParseBytes(std::string_view text, int64_t whole = 0);
// "64MB": as ParseBytes reads it back, exactly.
std::string BytesText(int64_t bytes);
// "1,234,567"
std::string FormatCount(int64_t count);

}  // namespace millrace
