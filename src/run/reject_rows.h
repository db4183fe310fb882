// All rows that a task puts aside, from wherever, as one relation of one shape.
#pragma once

#include <vector>

#include "base/time.h"
#include "engine/engine.h"

namespace millrace {

// The columns of `rows`, then _rule _reason _rejected_at _run_id _source_file _line _raw; what a
// part lacks is null. Each part is a relation with any of these columns; none of them: a relation
// without rows.
Result<Sql> RejectRows(Session& session, const Schema& rows, const std::vector<Sql>& parts,
                       Time now, const std::string& run);
// For a task that has no rejects: kRejected, "12 records could not be read, the first in a.csv,
// line 7: …".
Status RefuseRejects(Session& session, const std::vector<Sql>& parts, std::stop_token stop);

// "_rule", "_raw"…: what stands beside a row that was put aside.
bool IsRejectColumn(const std::string& name);
// A point in time as SQL.
std::string SqlTime(Time time);
// The shape of a statement that is known to be right; kInternal when it is not.
Result<Schema> SchemaOf(Session& session, const Sql& sql);

}  // namespace millrace
