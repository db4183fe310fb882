// Processes of one machine that share a pipeline, known to each other by locked files.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/store.h"

namespace millrace::sqlite {

// In the folder of locks. kConflict: a process that shares with nobody runs the pipeline.
Result<std::unique_ptr<Membership>> JoinInFolder(const std::string& folder,
                                                 std::string_view pipeline);

}  // namespace millrace::sqlite
