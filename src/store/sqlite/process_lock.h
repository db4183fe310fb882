// Locks between processes of one machine: flock on a file, which the kernel lets go when its holder
// dies.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/store.h"

namespace millrace::sqlite {

// An open file, locked or not; its lock goes with it.
class LockFile final : public ProcessLock {
 public:
  // Made where it is missing; `folder` is, too.
  static Result<std::unique_ptr<LockFile>> Open(const std::string& folder, const std::string& name);
  ~LockFile() override;
  LockFile(const LockFile&) = delete;

  enum class Kind { kAlone, kShared };
  // False: others have it.
  Result<bool> Try(Kind kind);
  // What its holder wrote: the process. "?" when nothing is there.
  std::string Holder() const;
  Status WriteHolder();
  const std::string& path() const { return path_; }
  int file() const { return file_; }

 private:
  LockFile(int file, std::string path) : file_(file), path_(std::move(path)) {}

  int file_;
  std::string path_;
};

// A name as one segment of a path; of a long one only the begin can be read.
std::string LockName(std::string_view name);

// The lock files lie in `folder`, which is made. kConflict names the process that holds the lock.
Result<std::unique_ptr<ProcessLock>> LockInFolder(const std::string& folder,
                                                  std::string_view pipeline);
Status HasLock(const LockFile& lock, std::string_view pipeline);

}  // namespace millrace::sqlite
