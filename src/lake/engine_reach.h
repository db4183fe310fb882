// Lets an engine read the files of a lake by itself.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"

namespace millrace {

class EngineReach {
 public:
  // `stores` as in LakeStorage.
  EngineReach(std::function<Result<std::vector<ObjectStore>>()> stores, Engine& engine)
      : stores_(std::move(stores)), engine_(engine) {}

  // Tells the engine what it does not know yet: keys may be others than a moment ago. Cheap, and
  // thread-safe.
  Status Refresh();

 private:
  const std::function<Result<std::vector<ObjectStore>>()> stores_;
  Engine& engine_;
  std::mutex mutex_;
  std::vector<ObjectStore> told_;
};

}  // namespace millrace
