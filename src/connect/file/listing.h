// Which files a path, a folder or a glob means.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace millrace::file {

struct FoundFile {
  std::string path;  // as _source_file says it: relative to the pipeline's folder, '/'-separated
  std::string absolute;
  int64_t size = 0;  // bytes
  Time modified;
  std::string uri = {};  // where it is, when `absolute` is what was fetched from there
};

struct ListOptions {
  std::string folder;                 // absolute; relative patterns start here
  std::vector<std::string> patterns;  // files, folders (all below them), globs
  bool hidden = false;                // .x and _x, and what is half written (x.tmp x.part x~), too
};

// Sorted by path, each once. kNotFound when a pattern matches nothing: it says where was looked and
// what is there.
Result<std::vector<FoundFile>> ListFiles(const ListOptions& options, std::stop_token stop);

}  // namespace millrace::file
