#include "lake/contract_rows.h"

#include <cstdlib>
#include <utility>

namespace millrace {

Result<ContractRows> ApplyContract(Session& session, const Fit& fit, const std::string& table,
                                   const std::string& copy, const Sql& rows, std::stop_token stop) {
  if (fit.refused.empty() && fit.discarded.empty())
    return ContractRows{.relation = "(" + rows.text + "\n)"};
  ContractRows result{.relation = copy, .copied = true};
  TRY(session.Materialize(copy, rows, stop));
  if (!fit.refused.empty()) {
    auto refused = TRY(session.Collect(
        {"SELECT count(*), min(" + fit.reason + ") FROM " + copy + " AS r WHERE " + fit.refused},
        stop));
    if (refused[0][0].value_or("0") != "0") {
      return Status(
          Code::kRejected,
          refused[0][0].value_or("") + " rows do not fit " + table +
              ", for example: " + refused[0][1].value_or(""),
          "correct them in the SQL, or set the target's contract to discard_row or discard_value");
    }
  }
  if (fit.discarded.empty()) return result;
  result.where = " WHERE (" + fit.discarded + ") IS NOT TRUE";
  result.discarded = Sql{"SELECT r.*, 'contract' AS _rule, " + fit.reason + " AS _reason FROM " +
                         copy + " AS r WHERE " + fit.discarded};
  auto count =
      TRY(session.Collect({"SELECT count(*) FROM (" + result.discarded->text + ")"}, stop));
  result.rows_discarded = std::strtoll(count[0][0].value_or("0").c_str(), nullptr, 10);
  return result;
}

}  // namespace millrace
