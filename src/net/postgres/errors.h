// What PostgreSQL says, as a Status with a next step. Internal to net/postgres.
#pragma once

#include <string>

#include "base/status.h"
#include "net/postgres/options.h"

struct pg_result;

namespace millrace::pg {

// Of a connection that did not come about: libpq has only words for it.
Status ExplainConnect(std::string words, const std::string& place, const Options& options);
// Of a statement, by its SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html
Status ExplainSql(const pg_result* result, const std::string& place);

}  // namespace millrace::pg
