#include "cli/text_table.h"

#include <algorithm>
#include <numeric>

namespace millrace {

namespace {

constexpr int kGap = 2;
constexpr int kLeast = 6;  // a column cut to less tells nothing

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

std::vector<int> FitColumns(std::vector<int> widths, int room, int gap) {
  auto total = [&] {
    int shown =
        static_cast<int>(std::count_if(widths.begin(), widths.end(), [](int w) { return w > 0; }));
    return std::accumulate(widths.begin(), widths.end(), 0) + gap * std::max(0, shown - 1);
  };
  while (total() > room) {
    auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kLeast) break;
    int excess = total() - room;
    // Down to the next widest, so that similar columns are cut alike.
    int next = kLeast;
    for (int width : widths) {
      if (width < *widest) next = std::max(next, width);
    }
    *widest = std::max({*widest - excess, next - 1, kLeast});
  }
  // What is in the middle goes first: the first columns name a row, the last are what was computed.
  while (total() > room && widths.size() > 2) {
    std::vector<size_t> shown;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] > 0) shown.push_back(i);
    }
    if (shown.size() <= 2) break;
    widths[shown[shown.size() / 2]] = 0;
  }
  return widths;
}

std::string TextTable::Format(const Terminal& terminal) const {
  auto shown_text = [](const Cell& cell) {
    return cell.text ? Printable(*cell.text) : std::string("NULL");
  };
  bool typed = std::any_of(columns_.begin(), columns_.end(),
                           [](const Column& c) { return !c.type.empty(); });
  std::vector<int> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = std::max({1, DisplayWidth(columns_[i].name), DisplayWidth(columns_[i].type)});
    for (const std::vector<Cell>& row : rows_) {
      if (i < row.size()) width = std::max(width, DisplayWidth(shown_text(row[i])));
    }
    widths.push_back(width);
  }
  if (terminal.width() > 0) widths = FitColumns(std::move(widths), terminal.width(), kGap);

  auto line = [&](auto&& cell_of) {
    std::string text;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (widths[i] == 0) continue;
      if (!text.empty()) text += std::string(kGap, ' ');
      auto [cell, style] = cell_of(i);
      std::string padded = Pad(FitWidth(cell, widths[i]), widths[i], columns_[i].right);
      text += terminal.Paint(style, padded);
    }
    return TrimEnd(std::move(text));
  };
  using Styled = std::pair<std::string, Style>;
  std::string text = line([&](size_t i) { return Styled(columns_[i].name, Style::kBold); });
  if (typed) text += line([&](size_t i) { return Styled(columns_[i].type, Style::kDim); });
  for (const std::vector<Cell>& row : rows_) {
    text += line([&](size_t i) {
      if (i >= row.size()) return Styled("", Style::kPlain);
      return Styled(shown_text(row[i]), row[i].text ? row[i].style : Style::kDim);
    });
  }
  auto left_out = std::count(widths.begin(), widths.end(), 0);
  if (left_out > 0)
    text +=
        terminal.Paint(Style::kDim, "… " + std::to_string(left_out) + " columns left out") + "\n";
  return text;
}

}  // namespace millrace
