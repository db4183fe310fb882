// A sink with failpoints "sink.<connector>.<Method>.before" and ".after" around every call.
#pragma once

#include <memory>
#include <string>

#include "connect/sink.h"

namespace millrace {

std::unique_ptr<Sink> WithFailpoints(std::unique_ptr<Sink> sink, std::string connector);

}  // namespace millrace
