// Where a fetch ends: what its records are, and where their cursor stands.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "connect/rest/config.h"
#include "connect/rest/cursor.h"
#include "connect/rest/stage.h"
#include "data/rows.h"

namespace millrace::rest {

struct FetchPosition {
  std::string rows;  // SHA-256 over the records, or over those at the cursor
  std::optional<std::string> cursor;

  Position ToPosition() const;
  static Result<FetchPosition> Parse(const Position& position);
};

// Of all that is staged. That of `begin` itself when there is nothing new: an API that is asked for
// what came since a point in time gives what it gave for that point again.
Result<FetchPosition> PositionOf(const Stage& stage, const SourceConfig& config,
                                 const CursorOrder& order, const std::string& begin);

// SHA-256 over what decides which records come: address, parameters, records. No secrets, and
// nothing of time-outs.
std::string DefinitionOf(const SourceConfig& config);

}  // namespace millrace::rest
