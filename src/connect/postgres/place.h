// Where a reader of a table or query is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/rows.h"

namespace millrace::postgres {

// How a position tells which rows were read.
enum class PlaceKind {
  // All of them, as one snapshot saw them: `snapshot`.
  kWhole,
  // Of a table with a cursor: the row versions that transactions below `xid`, and those in `seen`,
  // have written. It does not matter in which order transactions committed: one that was still at
  // work is above `xid` and not in `seen`, and its rows are new later. Rows of subtransactions bear
  // numbers of their own, which `seen` holds like any other.
  kTransactions,
  // Of a view or query with a cursor: those up to `cursor`.
  kCursor,
};

struct Place {
  PlaceKind kind = PlaceKind::kWhole;
  std::string snapshot;        // pg_current_snapshot()
  uint64_t xid = 0;            // a whole transaction number, epoch included
  std::vector<uint64_t> seen;  // sorted, each at or above `xid`
  std::string cursor;          // its highest value so far, as text; "" where there was none
  bool has_cursor = false;
  int64_t rows = -1;  // of the range that ends here; -1: not counted
  std::string from;   // …and begins there: a digest of that position, "" for the start
  std::string table;  // system identifier and OID: what the numbers belong to
  std::string file;   // …its storage: changes when the table is rewritten

  Position ToPosition() const;
  // Whether `rows` is that of the range from `begin`.
  bool Counts(const std::optional<Position>& begin) const;
  static std::string DigestOf(const std::optional<Position>& begin);
  static Result<Place> Parse(const Position& position, PlaceKind kind);
};

}  // namespace millrace::postgres
