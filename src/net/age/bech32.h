// Bech32, as age writes its keys: https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki,
// of any length.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::age {

// prefix + "1" + data + checksum; in capitals where the prefix is.
std::string ToBech32(std::string_view prefix, std::string_view bytes);
// The bytes; nullopt: it is none, has another prefix, or mixes small letters and capitals.
std::optional<std::string> FromBech32(std::string_view prefix, std::string_view text);

}  // namespace millrace::age
