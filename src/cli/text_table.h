// Rows of text as a table for people: aligned columns that fit the terminal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace millrace {

class TextTable {
 public:
  struct Column {
    std::string name;
    bool right = false;     // numbers
    std::string type = {};  // told under the name when any column has one
  };
  struct Cell {
    std::optional<std::string> text;  // absent: NULL
    Style style = Style::kPlain;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  size_t size() const { return rows_.size(); }
  // Lines of at most terminal.width() columns: the widest columns are cut first, and where even
  // that does not help, columns are left out in the middle and counted. Not on a terminal nothing
  // is cut.
  std::string Format(const Terminal& terminal) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// How a table of `widths` fits into `room` columns with `gap` between them: the width of each, 0
// for one left out.
std::vector<int> FitColumns(std::vector<int> widths, int room, int gap);

}  // namespace millrace
