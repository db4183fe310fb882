// RFC 4648, section 4.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

std::string Base64(std::string_view bytes);

}  // namespace millrace
