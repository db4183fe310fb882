// The names of files in _delta_log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct LogFileName {
  enum class Kind { kEntry, kCheckpoint } kind = Kind::kEntry;
  int64_t version = 0;
  int part = 1, parts = 1;  // of a checkpoint in several files
  std::string unique;       // of a V2 checkpoint: each is whole by itself
};

// nullopt: something else (a checksum, a compacted log, a temporary file).
std::optional<LogFileName> ParseLogFileName(std::string_view name);
std::string EntryName(int64_t version);
std::string CheckpointName(int64_t version);

}  // namespace millrace
