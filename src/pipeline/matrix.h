// matrix: one task, once for each combination of values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/yaml.h"

namespace millrace {

// Name → value, of one member.
using Combination = std::map<std::string, std::string>;

// The product of the lists, less `exclude`, and `include`, in the order of the file; or, of a list,
// the combinations that are its items. One empty combination when `matrix` is null; none after an
// error.
std::vector<Combination> ExpandMatrix(const YamlNode& matrix, Diagnostics& diagnostics);

// "[table=flights]", "[a=1,b=2]"; without values that are empty. "" for the empty combination.
std::string MatrixSuffix(const Combination& combination);

}  // namespace millrace
