// Named places where a test may end the process or make a call fail.
//
// MILLRACE_FAILPOINT="name[@n][=kill|error|diskfull|sleep:MS]" in the environment arms one point:
// at its n-th hit (default 1) the process kills itself with SIGKILL (default), or the call returns
// an error. MILLRACE_FAILPOINT_LOG=FILE appends the name of every point that is hit, one a line:
// how a test finds all of them. Unset, a hit costs one relaxed atomic read.
#pragma once

#include <string_view>

#include "base/status.h"

namespace millrace {

Status Failpoint(std::string_view name);

}  // namespace millrace
