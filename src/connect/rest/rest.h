// The connector for HTTP APIs; what a pipeline file says of them is in config.h.
#pragma once

#include "connect/registry.h"

namespace millrace::rest {

void Register(Registry& registry);

}  // namespace millrace::rest
