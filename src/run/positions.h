// What a sink keeps beside a commit: enough to carry on from it when the store is lost.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "store/store.h"

namespace millrace {

// "" when it would be too long for a sink (a position of many thousand files): such a commit cannot
// be adopted.
std::string WritePosition(const CommitRecord& commit);
// kInvalid when the text is not such a position.
Result<CommitRecord> ReadPosition(const CommitId& id, std::string_view text);

}  // namespace millrace
