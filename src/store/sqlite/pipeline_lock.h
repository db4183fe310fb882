// A lock between processes of one machine: flock on a file, which the kernel lets go when its
// holder dies.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/store.h"

namespace millrace::sqlite {

// The lock files lie in `folder`, which is made. kConflict names the process that holds the lock.
Result<std::unique_ptr<PipelineLock>> LockInFolder(const std::string& folder,
                                                   std::string_view pipeline);

}  // namespace millrace::sqlite
