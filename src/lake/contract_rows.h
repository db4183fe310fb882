// The rows of one write, told apart by a target's contract.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "engine/engine.h"
#include "lake/contract.h"

namespace millrace {

struct ContractRows {
  std::string relation;          // what to read the rows from: write it "… FROM <relation> AS r"
  bool copied = false;           // it is the temporary relation `copy`, for the caller to drop
  std::optional<Sql> discarded;  // rows for the rejects, with _rule and _reason
  int64_t rows_discarded = 0;
  std::string where;  // " WHERE …" that leaves them out, or ""
};

// Reads the rows once: where the contract must look at them first, into `copy`. kRejected when some
// are refused; `table` is for messages.
Result<ContractRows> ApplyContract(Session& session, const Fit& fit, const std::string& table,
                                   const std::string& copy, const Sql& rows, std::stop_token stop);

}  // namespace millrace
