// The one way an entry gets into a log: built on the newest state, put if nobody was faster, else
// built anew.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/status.h"
#include "lake/log_entry.h"
#include "lake/table_log.h"

namespace millrace {

// The entry that follows `latest` (version -1: the table does not exist), or nullopt: nothing is to
// be done.
using EntryBuilder = std::function<Result<std::optional<LogEntry>>(const TableStatePtr& latest)>;

struct PutOutcome {
  int64_t version = -1;  // of the entry, or the newest where nothing was to be done
  bool put = false;
};

// Bounded tries with a random wait between them; kConflict after the last. Hits the failpoints
// "<failpoint>.before_log" and "….after_log". `may_be_there` is set from the moment in which the
// entry may exist: from then on its files must not be removed, whatever is returned. `none`: of
// version -1, as the caller saw it; the first try builds on it without another look.
Result<PutOutcome> PutEntry(TableLog& log, const EntryBuilder& build, std::string_view failpoint,
                            bool& may_be_there, std::stop_token stop,
                            TableStatePtr none = nullptr);

// The newest state, or one of version -1 where there is no table.
Result<TableStatePtr> LatestOrNone(TableLog& log);

}  // namespace millrace
