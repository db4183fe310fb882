// Rows of text as a table for people: aligned columns that fit the terminal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace millrace {

struct ColumnWidth {
  int wanted = 0, least = 0;
  bool minor = false;  // goes before others
};
// How columns share `room` with `gap` between them: the width of each, 0 for one left out.
std::vector<int> FitColumns(const std::vector<ColumnWidth>& columns, int room, int gap);

class TextTable {
 public:
  struct Column {
    std::string name;
    bool right = false;     // a number: never cut
    std::string type = {};  // told under the name when any column has one
    bool whole = false;     // never cut: names that are typed again
    bool optional = false;  // not shown when all its cells are empty
    bool minor = false;     // the first to be left out
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
  std::vector<ColumnWidth> Widths() const;
  static std::string Shown(const Cell& cell);

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace millrace
