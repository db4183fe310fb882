// numeric on the wire: digits to the base 10,000, the first of weight 10,000^weight
// (src/backend/utils/adt/numeric.c, numeric_send and numeric_recv).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::postgres {

using Int128 = __int128;

// Value × 10^scale. Appends the bytes.
void EncodeNumeric(Int128 value, int scale, std::string& out);
// "-12.50", "1e3", "NaN", "Infinity"; false when it is no number.
bool EncodeNumeric(std::string_view text, std::string& out);

// Value × 10^scale; nullopt for NaN, infinities and what does not fit.
std::optional<Int128> DecodeNumeric(std::string_view bytes, int scale);
// As PostgreSQL writes it.
std::string NumericText(std::string_view bytes);

}  // namespace millrace::postgres
