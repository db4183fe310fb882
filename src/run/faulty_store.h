// A store with failpoints "store.<Method>.before" and ".after" around every call that changes it.
#pragma once

#include <memory>

#include "store/store.h"

namespace millrace {

// `store` lives longer.
std::unique_ptr<Store> WithFailpoints(Store& store);

}  // namespace millrace
