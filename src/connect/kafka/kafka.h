// Kafka: topics as source and as sink.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::kafka {

void Register(Registry& registry);

}  // namespace millrace::kafka
