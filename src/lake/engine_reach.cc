#include "lake/engine_reach.h"

#include <algorithm>

namespace millrace {

Status EngineReach::Refresh() {
  if (!stores_) return Status::Ok();
  std::vector<ObjectStore> stores = TRY(stores_());
  std::lock_guard lock(mutex_);
  for (const ObjectStore& store : stores) {
    if (std::ranges::find(told_, store) == told_.end()) TRY(engine_.Reach(store));
  }
  told_ = std::move(stores);
  return Status::Ok();
}

}  // namespace millrace
