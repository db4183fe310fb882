#include "connect/registry.h"
#include "connect/table/table.h"

namespace millrace {

void RegisterAll(Registry& registry) {
  table::Register(registry);
}

}  // namespace millrace
