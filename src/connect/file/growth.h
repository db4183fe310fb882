// Whether a file that changed only grew, so that its new rows can be taken alone.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "connect/file/file_set.h"
#include "decode/format.h"

namespace millrace::file {

// Whether new rows of such a file stand behind the old ones: CSV, NDJSON and text in an encoding of
// bytes.
bool CanGrow(const std::string& path, const FormatConfig& format);

// Each gives how many bytes, decoded, need not be read again: they were taken before and end a
// line. nullopt when the file did not just grow.

// For a file that is not compressed, of which the first bytes were taken.
Result<std::optional<int64_t>> GrownBehind(const std::string& path, const TakenFile& taken,
                                           std::stop_token stop);
// For a file whose earlier content is still there, compressed or not.
Result<std::optional<int64_t>> GrownBehind(const std::string& path, const std::string& earlier,
                                           Compression compression, std::stop_token stop);

}  // namespace millrace::file
