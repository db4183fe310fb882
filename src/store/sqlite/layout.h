// The store's tables, and how an older layout becomes today's.
#pragma once

#include "store/sqlite/database.h"

namespace millrace::sqlite {

// Brings the database to today's layout. kInvalid when a newer Millrace made it.
Status UpgradeLayout(Database& database);
// For read-only use: kInvalid when the layout is not today's.
Status CheckLayout(Database& database);

}  // namespace millrace::sqlite
