// Bytes as text in the bases that CIDs have: RFC 4648 base32 in lower case without padding, and
// base58 with Bitcoin's alphabet (https://github.com/multiformats/multibase).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::ipld {

std::string Base32(std::string_view bytes);
// nullopt: no base32, or bits beyond the last byte are set.
std::optional<std::string> FromBase32(std::string_view text);

std::string Base58(std::string_view bytes);
// nullopt: no base58, or longer than 128 characters (the time it takes is quadratic).
std::optional<std::string> FromBase58(std::string_view text);

}  // namespace millrace::ipld
