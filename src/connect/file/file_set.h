// The position of a file source: the files taken, each by its content.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"
#include "data/rows.h"

namespace millrace::file {

struct TakenFile {
  int64_t size = 0;    // bytes, as stored
  std::string sha256;  // of the bytes as stored
  bool operator==(const TakenFile&) const = default;
};

// By path as _source_file says it. Two sets are equal exactly when their positions are.
using FileSet = std::map<std::string, TakenFile>;

Position ToPosition(const FileSet& files);
Result<FileSet> ParseFileSet(const Position& position);

}  // namespace millrace::file
