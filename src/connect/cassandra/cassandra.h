// Cassandra: tables as source and as sink.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::cassandra {

void Register(Registry& registry);

}  // namespace millrace::cassandra
