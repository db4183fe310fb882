// One storage out of several: the first part of a path says which.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/storage.h"

namespace millrace {

// "bronze/orders/x" is "orders/x" of mounts["bronze"]; what no mount takes is in `rest`. A file
// cannot be renamed from one into another.
std::unique_ptr<Storage> MountStorages(std::unique_ptr<Storage> rest,
                                       std::map<std::string, std::unique_ptr<Storage>> mounts);

}  // namespace millrace
