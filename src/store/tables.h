// The store as tables in SQL: millrace.runs, millrace.tasks… What a statement may ask of them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "data/schema.h"

namespace millrace {

struct StoreTable {
  std::string_view name;  // "millrace.runs"
  Schema schema;
};

// Sorted by name. run/ fills them, validation only needs their shape.
const std::vector<StoreTable>& StoreTables();
// nullptr: there is no such table.
const StoreTable* FindStoreTable(std::string_view name);

}  // namespace millrace
