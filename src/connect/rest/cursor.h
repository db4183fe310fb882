// Values of a cursor field, and which of two is the later one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/time.h"
#include "connect/rest/config.h"

namespace millrace::rest {

struct CursorOrder {
  CursorType type = CursorType::kText;
  std::string format =
      "iso8601";  // or epoch, epoch_ms, or as strftime has it: of times in requests

  // kInvalid when it is no value of this type.
  Status Check(std::string_view value) const;
  bool Less(std::string_view a, std::string_view b) const;
  // `value` less `back`; for times and numbers (seconds).
  Result<std::string> Back(std::string_view value, Micros back) const;
};

// "2024-05-01T00:00:00Z", seconds or milliseconds since 1970: what a record may hold.
Result<Time> ParseCursorTime(std::string_view text);
// As a request has it; `format` as in CursorOrder.
std::string FormatCursorTime(Time time, const std::string& format);

}  // namespace millrace::rest
