// A value's text → one value of a column, for formats whose values are text.
#pragma once

#include <string_view>

#include "data/column_builder.h"
#include "decode/record_format.h"

namespace millrace {

// False, and nothing appended: the text is no value of the column's kind, which is not a nested
// one. `epoch`: what a number counts in a column of time.
bool AppendText(std::string_view text, EpochUnit epoch, ColumnBuilder& out);

}  // namespace millrace
