// Upkeep that puts new data files in the place of old ones.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "lake/log_entry.h"
#include "lake/table_log.h"

namespace millrace {

struct FileSwap {
  std::string operation;  // for the history: "OPTIMIZE"
  std::map<std::string, std::string> parameters;
  bool data_change = false;  // false: the rows stay the same, readers of changes pass it over
  std::vector<AddFile> added, removed;
};

// Puts the entry and returns its version. kConflict when another writer changed the removed files
// since `before`: the swap must be made anew. The added files are removed unless the entry is, or
// may be, there. Under the writers' lock.
Result<int64_t> SwapFiles(TableLog& log, const TableState& before, FileSwap& swap, Time now,
                          std::string_view failpoint, std::stop_token stop);

// Makes it anew as often as others write in between, up to a limit.
template <class Once>
auto WhileOthersWrite(Once once) {
  constexpr int kTries = 5;
  for (int tries = 1;; ++tries) {
    auto done = once();
    if (done.code() != Code::kConflict || tries == kTries) return done;
  }
}

}  // namespace millrace
