// Texts of our process as rows for the engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/rows.h"

namespace millrace {

// One VARCHAR column of this name, one row a text.
std::unique_ptr<RowReader> ReadTexts(std::string column, std::vector<std::string> texts);

}  // namespace millrace
