// How the log spells file names: URLs relative to the table, or absolute ones.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// A name as it is on disk → as the log spells it. '/' stays.
std::string EncodePath(std::string_view path);
// And back. "file:///x" becomes "/x"; other schemes stay; what is no escape stays as it is.
std::string DecodePath(std::string_view url);
// A file outside of the table's folder: "/x" or "s3://…", decoded.
bool IsAbsolute(std::string_view path);

}  // namespace millrace
