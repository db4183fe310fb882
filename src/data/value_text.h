// Values of columns as text and back, exactly: for formats that carry them so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

// Each Parse takes all of the text, or says false.

// "12.345", "-1e3", rounded half away from zero to `scale` digits. `out` is unscaled: 12.35 with
// scale 2 is 1235. False, too, when it needs more than `precision` digits.
bool ParseDecimal(std::string_view text, int precision, int scale, __int128& out);
// Whether an unscaled value has at most `precision` digits.
bool FitsPrecision(__int128 value, int precision);
bool ParseInteger(std::string_view text, int64_t& out);  // "12", "-3"; "1.0" and "1e3", too
bool ParseReal(std::string_view text, double& out);      // and nan, inf, infinity in any case
bool ParseDay(std::string_view text, int32_t& days);     // since 1970
// As base/time.h reads a time: without a zone it is UTC. Microseconds since 1970.
bool ParseMicros(std::string_view text, int64_t& micros);
// "12:30[:05[.123456]]", microseconds since midnight.
bool ParseTimeOfDay(std::string_view text, int64_t& micros);

void AppendDecimal(std::string& out, __int128 value, int scale);
void AppendReal(std::string& out, double value);  // the shortest that reads back the same
void AppendReal(std::string& out, float value);
void AppendDay(std::string& out, int32_t days);  // "2026-11-21"
// "2026-11-21T06:50:52.123456Z"; the fraction only where there is one, the Z when it is `utc`.
void AppendTimestamp(std::string& out, int64_t micros, bool utc);
void AppendTimeOfDay(std::string& out, int64_t micros);  // "12:30:05.123456"

// The least and the greatest value that a whole-number column of so many bytes holds.
bool FitsWidth(int64_t value, int bytes);

}  // namespace millrace
