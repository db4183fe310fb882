#include "tests/golden/golden_file.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace millrace::golden {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool TakePrefix(std::string& text, const std::string& prefix) {
  if (!text.starts_with(prefix)) return false;
  text.erase(0, prefix.size());
  return true;
}

// Blank lines before the next section are for the reader.
void TrimBlankEnd(std::string& body) {
  while (body.ends_with("\n\n")) body.pop_back();
  if (body == "\n") body.clear();
}

std::vector<Needle> Needles(const Section& section) {
  std::vector<Needle> needles;
  int line = section.line;
  for (const std::string& text : Lines(section.body)) {
    ++line;
    if (!text.empty()) needles.emplace_back(line, text);
  }
  return needles;
}

// Adds what one section says to the steps; false when its head is not understood.
bool AddSection(std::string head, Section section, std::vector<Step>& steps) {
  Step step{.line = section.line};
  if (TakePrefix(head, "file ")) {
    step.kind = Step::Kind::kFile;
    step.text = head;
    TrimBlankEnd(section.body);
    step.content = std::move(section.body);
    steps.push_back(std::move(step));
    return true;
  }
  if (TakePrefix(head, "$ ")) {
    step.text = head;
    if (!TrimEnd(section.body).empty()) step.text += "\n" + section.body;
    steps.push_back(std::move(step));
    return true;
  }
  if (TakePrefix(head, "query ")) {
    step.kind = Step::Kind::kQuery;
    step.text = head;
    step.out = std::move(section);
    steps.push_back(std::move(step));
    return true;
  }
  if (steps.empty() || steps.back().kind == Step::Kind::kFile) return false;
  Step& last = steps.back();
  if (TakePrefix(head, "exit ")) {
    last.exit = atoi(head.c_str());
    last.exit_line = section.line;
  } else if (head == "stdout") {
    last.out = std::move(section);
  } else if (head == "stderr") {
    last.err = std::move(section);
  } else if (head == "stdout contains") {
    last.out_contains = Needles(section);
  } else if (head == "stderr contains") {
    last.err_contains = Needles(section);
  } else if (head == "lacks") {
    last.lacks = Needles(section);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::optional<GoldenFile> ParseGolden(const std::string& text, std::string& error) {
  GoldenFile file;
  std::vector<std::string> lines = Lines(text);
  size_t i = 0;
  for (; i < lines.size() && !lines[i].starts_with("--- "); ++i) {
    if (file.title.empty() && lines[i].starts_with("# ")) file.title = lines[i].substr(2);
  }
  if (file.title.empty()) {
    error = "1: a test begins with a line '# the behaviour or the bug'";
    return std::nullopt;
  }
  while (i < lines.size()) {
    std::string head = lines[i].substr(4);
    Section section{.line = static_cast<int>(i) + 1};
    for (++i; i < lines.size() && !lines[i].starts_with("--- "); ++i) {
      section.body += lines[i] + "\n";
      ++section.lines;
    }
    int line = section.line;
    if (!AddSection(head, std::move(section), file.steps)) {
      error = std::to_string(line) + ": not understood: --- " + head;
      return std::nullopt;
    }
  }
  bool runs = std::any_of(file.steps.begin(), file.steps.end(),
                          [](const Step& step) { return step.kind != Step::Kind::kFile; });
  if (!runs) {
    error = "1: a test without a command cannot fail";
    return std::nullopt;
  }
  return file;
}

std::string ApplyUpdates(const std::string& text,
                         std::vector<std::pair<Section, std::string>> updates) {
  std::vector<std::string> lines = Lines(text);
  std::sort(updates.begin(), updates.end(),
            [](const auto& a, const auto& b) { return a.first.line > b.first.line; });
  for (const auto& [section, came] : updates) {
    auto begin = lines.begin() + section.line;
    auto end = begin + section.lines;
    while (end != begin && (end - 1)->empty())
      --end;  // the blank lines before the next section stay
    std::vector<std::string> body = Lines(TrimEnd(came));
    lines.insert(lines.erase(begin, end), body.begin(), body.end());
  }
  std::string result;
  for (const std::string& line : lines) result += line + "\n";
  return result;
}

std::string Diff(const std::string& expected, const std::string& came) {
  std::vector<std::string> a = Lines(TrimEnd(expected)), b = Lines(TrimEnd(came));
  constexpr size_t kMostLines = 1000;  // the table below has lines × lines cells
  if (a.size() > kMostLines) a.resize(kMostLines);
  if (b.size() > kMostLines) b.resize(kMostLines);
  std::vector<std::vector<int>> common(a.size() + 1, std::vector<int>(b.size() + 1, 0));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string diff;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      diff += "    " + a[i++] + "\n";
      ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      diff += "  - " + a[i++] + "\n";
    } else {
      diff += "  + " + b[j++] + "\n";
    }
  }
  return diff;
}

std::string Indented(const std::string& title, const std::string& text) {
  if (TrimEnd(text).empty()) return "";
  constexpr size_t kMostBytes = 4000;
  std::string result = "  " + title + ":\n";
  for (const std::string& line : Lines(text.substr(0, kMostBytes))) result += "    " + line + "\n";
  if (text.size() > kMostBytes) result += "    …\n";
  return result;
}

std::string TrimEnd(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r'))
    text.pop_back();
  return text;
}

std::string ReplaceAll(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace millrace::golden
