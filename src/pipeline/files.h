// The files a project is made of: found, read, and shown as the user would type them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "config/diagnostics.h"

namespace millrace {

// At most 16 MB: longer is not a pipeline, SQL or settings file.
Result<std::string> ReadTextFile(const std::string& path);

// Relative to the working folder when it lies in it, else absolute.
std::string ShownPath(const std::string& path);

// The variables of `folder`/.env; none when there is no such file.
std::map<std::string, std::string> ReadDotEnv(const std::string& folder, Diagnostics& diagnostics);

}  // namespace millrace
