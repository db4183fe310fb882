// Rows put together and taken apart by columns. No value is copied: what comes out keeps what went
// in alive.
#pragma once

#include <cstddef>
#include <vector>

#include "base/status.h"
#include "data/rows.h"

namespace millrace {

// The columns of both, side by side; they have equally many rows.
Result<Rows> JoinColumns(const Rows& left, const Rows& right);
// Some columns, by number, in this order.
Result<Rows> SelectColumns(const Rows& rows, const std::vector<size_t>& columns);

}  // namespace millrace
