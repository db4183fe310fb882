// What a file of this machine holds: size, SHA-256, and its CID as UnixFS (docs: `millrace car
// pack --no-wrap`), in one pass.
#pragma once

#include <stop_token>
#include <string>

#include "base/status.h"
#include "proof/manifest.h"

namespace millrace::proof {

// Without a path. kNotFound: it is not there; kInvalid: no regular file, so that nothing is read
// that never ends; kRejected: longer than `at_most` bytes.
Result<FileProof> DigestFile(const std::string& path, int64_t at_most, std::stop_token stop);
inline constexpr int64_t kAnySize = INT64_MAX;

}  // namespace millrace::proof
