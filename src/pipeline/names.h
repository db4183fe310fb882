// Names that users give, and what to say when one is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

bool IsTaskName(
    std::string_view name);  // letters, digits, _ and -, not beginning with a digit or -
bool IsInputName(std::string_view name);  // letters, digits and _, not beginning with a digit

// "did you mean 'x'?", else "there are: a, b, c" when they are few, else "".
std::string SuggestName(std::string_view wrong, const std::vector<std::string>& names);

// "s3" of s3://bucket; "" of a folder or file of this machine.
std::string SchemeOf(const std::string& path);

}  // namespace millrace
