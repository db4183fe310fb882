// `columns:`, name: type, as a schema.
#pragma once

#include <optional>

#include "config/diagnostics.h"
#include "config/yaml.h"
#include "data/schema.h"

namespace millrace {

// nullopt after an error.
std::optional<Schema> ReadColumns(const YamlNode& node, Diagnostics& diagnostics);

}  // namespace millrace
