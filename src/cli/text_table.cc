#include "cli/text_table.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "cli/words.h"

namespace millrace {

namespace {

constexpr int kGap = 2;
constexpr int kLeast = 12;  // a text cut to less tells nothing

std::string Pad(std::string text, int width, bool right) {
  int missing = width - DisplayWidth(text);
  if (missing <= 0) return text;
  std::string blanks(static_cast<size_t>(missing), ' ');
  return right ? blanks + text : text + blanks;
}

std::string TrimEnd(std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line + "\n";
}

}  // namespace

namespace {

// Widths of at most `level`, or the least of a column.
std::vector<int> CutTo(int level, const std::vector<ColumnWidth>& columns) {
  std::vector<int> widths;
  for (const ColumnWidth& column : columns) {
    widths.push_back(std::min(column.wanted, std::max(level, column.least)));
  }
  return widths;
}

// Similar columns are cut alike: to the highest level at which all fit.
std::vector<int> Share(const std::vector<ColumnWidth>& columns, int room) {
  auto total = [](const std::vector<int>& widths) {
    return std::accumulate(widths.begin(), widths.end(), int64_t{0});
  };
  int low = 0, high = std::max(room, 1);
  while (low < high) {
    int middle = static_cast<int>(low + (int64_t{high} - low + 1) / 2);
    if (total(CutTo(middle, columns)) <= room)
      low = middle;
    else
      high = middle - 1;
  }
  std::vector<int> widths = CutTo(low, columns);
  int64_t rest = room - total(widths);
  for (size_t i = 0; i < widths.size() && rest > 0; ++i) {
    if (widths[i] == columns[i].wanted) continue;
    ++widths[i];
    --rest;
  }
  return widths;
}

}  // namespace

std::vector<int> FitColumns(const std::vector<ColumnWidth>& columns, int room, int gap) {
  std::vector<size_t> shown;
  int64_t least = -gap;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].wanted == 0) continue;
    shown.push_back(i);
    least += columns[i].least + gap;
  }
  // The middle goes first: the first columns name a row, the last are what was computed.
  while (least > room && shown.size() > 2) {
    auto goes =
        std::find_if(shown.begin(), shown.end(), [&](size_t i) { return columns[i].minor; });
    if (goes == shown.end()) goes = shown.begin() + static_cast<std::ptrdiff_t>(shown.size() / 2);
    least -= columns[*goes].least + gap;
    shown.erase(goes);
  }
  std::vector<ColumnWidth> kept;
  for (size_t i : shown) kept.push_back(columns[i]);
  std::vector<int> shared = Share(kept, room - gap * (static_cast<int>(shown.size()) - 1));
  std::vector<int> widths(columns.size(), 0);
  for (size_t i = 0; i < shown.size(); ++i) widths[shown[i]] = shared[i];
  return widths;
}

std::vector<ColumnWidth> TextTable::Widths() const {
  std::vector<ColumnWidth> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    int wanted = std::max({1, DisplayWidth(column.name), DisplayWidth(column.type)});
    bool empty = true;
    for (const std::vector<Cell>& row : rows_) {
      if (i >= row.size()) continue;
      wanted = std::max(wanted, DisplayWidth(Shown(row[i])));
      if (!row[i].text || !row[i].text->empty()) empty = false;
    }
    if (column.optional && empty) wanted = 0;
    bool whole = column.whole || column.right;  // half a number is another number
    widths.push_back({wanted, whole ? wanted : std::min(wanted, kLeast), column.minor});
  }
  return widths;
}

std::string TextTable::Shown(const Cell& cell) {
  return cell.text ? Printable(*cell.text) : "NULL";
}

std::string TextTable::Format(const Terminal& terminal) const {
  bool typed = std::any_of(columns_.begin(), columns_.end(),
                           [](const Column& column) { return !column.type.empty(); });
  std::vector<ColumnWidth> wanted = Widths();
  int room = terminal.width() > 0 ? terminal.width() : std::numeric_limits<int>::max();
  std::vector<int> widths = FitColumns(wanted, room, kGap);

  using Styled = std::pair<std::string, Style>;
  auto line = [&](auto&& cell_of) {
    std::string text;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (widths[i] == 0) continue;
      if (!text.empty()) text += std::string(kGap, ' ');
      Styled cell = cell_of(i);
      std::string padded = Pad(FitWidth(cell.first, widths[i]), widths[i], columns_[i].right);
      text += terminal.Paint(cell.second, padded);
    }
    return TrimEnd(FitWidth(text, room));
  };
  std::string text = line([&](size_t i) { return Styled(columns_[i].name, Style::kBold); });
  if (typed) text += line([&](size_t i) { return Styled(columns_[i].type, Style::kDim); });
  for (const std::vector<Cell>& row : rows_) {
    text += line([&](size_t i) {
      if (i >= row.size()) return Styled("", Style::kPlain);
      return Styled(Shown(row[i]), row[i].text ? row[i].style : Style::kDim);
    });
  }
  int64_t left_out = 0;
  for (size_t i = 0; i < widths.size(); ++i) left_out += widths[i] == 0 && wanted[i].wanted > 0;
  if (left_out == 0) return text;
  return text + terminal.Paint(Style::kDim, "… " + Counted(left_out, "column") + " left out") +
         "\n";
}

}  // namespace millrace
