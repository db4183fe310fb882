// JSON that others wrote: read without exceptions, without deep recursion, and with a default for
// what is absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "config/json.h"

namespace millrace {

// kInvalid when it is no JSON, or nested deeper than any log or schema is.
Result<Json> ParseJson(std::string_view text);
// On one line; bytes that are no UTF-8 become U+FFFD.
std::string PrintJson(const Json& json);

// The member of an object, or nullptr when it is absent or null.
const Json* Member(const Json& object, const char* key);
// "" when absent or not of the type asked for.
std::string TextMember(const Json& object, const char* key);
std::optional<int64_t> IntegerMember(const Json& object, const char* key);
std::optional<bool> BoolMember(const Json& object, const char* key);
// Values that are no strings are printed as JSON.
std::map<std::string, std::string> TextMapMember(const Json& object, const char* key);
// The member as JSON text, "" when absent.
std::string JsonMember(const Json& object, const char* key);

}  // namespace millrace
