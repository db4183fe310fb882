// One pass over a file: copied, hashed and made durable, in bounded memory.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "base/time.h"

namespace millrace {

struct Copied {
  std::string sha256;
  int64_t size = 0;  // bytes
  Time modified;     // of the original; the copy has it too
};

// `to` must not exist; an empty `to` only reads. kUnavailable when the file changed meanwhile.
// Stops within a piece of it.
Result<Copied> CopyFile(const std::string& from, const std::string& to, std::stop_token stop);

}  // namespace millrace
