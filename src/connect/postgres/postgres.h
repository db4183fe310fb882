// PostgreSQL tables, as source and as sink.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::postgres {

void Register(Registry& registry);

}  // namespace millrace::postgres
