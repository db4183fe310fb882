// Whether a statement's rows can come straight from where they are read.
#pragma once

#include "base/status.h"
#include "engine/engine.h"

namespace millrace {

// Whether `sql` gives its rows one by one as it reads those of one relation, each once: it computes
// columns and leaves rows out, no more. Then it may read what Session::Bind made, and
// Session::WriteParquet writes such rows by several threads, in no order.
Result<bool> IsRowByRow(Session& session, const Sql& sql);

}  // namespace millrace
