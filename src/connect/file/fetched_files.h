// Files that lie on a server, brought to this machine for their reader: into a folder of this
// process below the project's state folder, which the next one sweeps when it was killed.
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/scratch_folder.h"
#include "base/status.h"
#include "connect/file/listing.h"
#include "connect/source.h"

namespace millrace::file {

class FetchedFiles {
 public:
  // `id` tells their reader from others of the project; `state_folder` as in ConnectContext.
  FetchedFiles(const std::string& state_folder, const std::string& id);

  struct Wanted {
    FoundFile* file;  // gets its place here, and keeps its name and time
    // Writes what it is, verified as far as that can be; any thread.
    std::function<Status(const std::string& to, std::stop_token)> fetch;
  };
  // All of them, `at_once` at once. They stay until Remove().
  Status Get(const std::vector<Wanted>& files, size_t at_once, std::stop_token stop);
  // One that goes with its holder; any thread.
  Result<LocalFile> GetOne(const Wanted& wanted, std::stop_token stop);
  void Remove() { folder_.Remove(); }

 private:
  ScratchFolder folder_;
  std::atomic<int64_t> count_ = 0;
};

}  // namespace millrace::file
