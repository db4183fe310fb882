// A table of the lake, as source and as sink.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::table {

void Register(Registry& registry);

}  // namespace millrace::table
