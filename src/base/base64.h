// RFC 4648, section 4.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

std::string Base64(std::string_view bytes);
// nullopt: it is not Base64, padding included.
std::optional<std::string> FromBase64(std::string_view text);

// Bytes that nobody may be able to read as text that can be kept: as they are when they are UTF-8,
// else "base64:" and their Base64.
std::string BytesAsText(std::string_view bytes);
// The bytes again.
std::string BytesOfText(std::string_view text);

}  // namespace millrace
