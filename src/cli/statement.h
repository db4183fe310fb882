// A statement that the user typed, made ready in a session: its tables defined, its errors told
// with a caret.
#pragma once

#include <memory>
#include <string>

#include "cli/workspace.h"

namespace millrace {

struct Statement {
  std::unique_ptr<Session> session;
  Sql sql;
  Schema schema;
};

// "12" is a version, everything else a time; "" the newest.
Result<AsOf> ParseAsOf(const std::string& text);
// Lake tables are readable as layer.table, the store's as millrace.runs and so on.
Result<Statement> PrepareStatement(Workspace& workspace, const std::string& text,
                                   const AsOf& as_of);
// Lake tables, each at as_of, and the store's tables that are named.
Status DefineTables(Workspace& workspace, Session& session, const std::vector<std::string>& names,
                    const AsOf& as_of);
// Rows as a table for people: at most `most` of them (0: all), then how many more there are.
Status PrintRows(Workspace& workspace, Statement& statement, int most,
                 std::string_view to_see_more);
// The error with the line it stands in and a caret below the place.
std::string SqlErrorText(const SqlError& error, std::string_view sql, const Terminal& terminal);

}  // namespace millrace
