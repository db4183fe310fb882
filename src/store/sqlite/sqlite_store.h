// The store in one SQLite file (WAL, durable where store.h says so).
#pragma once

#include <memory>
#include <string>

#include "store/store.h"

namespace millrace {

// Makes the file (mode 0600), its folder and its tables when missing; upgrades an older layout.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);
// For reading only (commands that show): kNotFound when there is no file yet.
Result<std::unique_ptr<Store>> OpenSqliteStoreReadOnly(const std::string& path);

}  // namespace millrace
