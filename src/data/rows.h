// Rows: an immutable, shared batch of columns as Arrow C structures
// (https://arrow.apache.org/docs/format/CDataInterface.html).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/status.h"

struct ArrowSchema;
struct ArrowArray;

namespace millrace {

class Rows {
 public:
  Rows() = default;
  // Takes over both structures (a struct array, its schema) and releases them with the last copy.
  static Rows Adopt(ArrowSchema* schema, ArrowArray* array);

  int64_t count() const;
  // Valid while this Rows, or a copy, lives. Never null unless default-constructed.
  const ArrowSchema* schema() const;
  const ArrowArray* array() const;

 private:
  struct Owned;
  std::shared_ptr<const Owned> owned_;
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  // nullopt: no more rows. Every batch has the same schema.
  virtual Result<std::optional<Rows>> Next(std::stop_token stop) = 0;
};

// Where a source is. Opaque to all but the source that made it; text, so that stores can keep it.
struct Position {
  std::string token;
  bool operator==(const Position&) const = default;
};

// What to read: from `begin` (absent: from the start) to `end` (absent: whatever there is).
struct Range {
  std::optional<Position> begin, end;
};

struct Batch {
  Rows rows;
  Position end;  // reading may resume here once these rows are durable
};

// One commit of one task: the task's key and a number that grows by one with each commit.
struct CommitId {
  std::string task;      // "<pipeline>/<task>[<matrix values>]"
  int64_t sequence = 0;  // first commit: 1
  bool operator==(const CommitId&) const = default;
};

}  // namespace millrace
