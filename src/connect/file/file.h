// Files of this machine, as source and as sink.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::file {

void Register(Registry& registry);

}  // namespace millrace::file
