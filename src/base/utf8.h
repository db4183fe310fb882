// Whether bytes are text.
#pragma once

#include <string_view>

namespace millrace {

// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool IsUtf8Text(std::string_view text);

}  // namespace millrace
