// SHA-256 of files, computed once for each content: what was hashed is remembered with size and
// time.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "connect/file/file_set.h"
#include "connect/file/listing.h"

namespace millrace::file {

// Of the first `length` bytes; kUnavailable when the file is shorter.
Result<std::string> HashPrefix(const std::string& path, int64_t length, std::stop_token stop);

class Fingerprints {
 public:
  // `memory` is the file that remembers between processes; "" for none.
  Fingerprints(std::string memory, Env& env);
  ~Fingerprints();

  // All of them, several at once. kUnavailable when one changes meanwhile.
  Result<FileSet> Of(const std::vector<FoundFile>& files, std::stop_token stop);

 private:
  struct Known {
    int64_t size = 0, modified = 0;  // bytes, microseconds
    std::string sha256;
  };
  void Load();
  void Save();
  Result<Known> Hash(const FoundFile& file, std::stop_token stop);

  const std::string memory_;
  Env& env_;
  bool loaded_ = false;
  size_t unsaved_ = 0;  // changes since it was saved last
  std::map<std::string, Known> known_;  // by absolute path
};

}  // namespace millrace::file
