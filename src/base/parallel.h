// The same work for many things, several at once.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

#include "base/status.h"

namespace millrace {

// Calls `work` for 0 … count - 1, on at most `at_once` threads. The first failure stops the rest
// and is returned; kCanceled when it was stopped.
Status ForEachAtOnce(size_t count, size_t at_once,
                     const std::function<Status(size_t, std::stop_token)>& work,
                     std::stop_token stop);

}  // namespace millrace
