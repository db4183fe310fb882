// A golden test file as steps; and the comparison of texts. The format is shown in README.md beside
// it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::golden {

struct Section {
  int line = 0;   // of its "--- …" line, from 1
  int lines = 0;  // of its body
  std::string body;
};

using Needle = std::pair<int, std::string>;  // line in the test file, text

struct Step {
  enum class Kind { kFile, kCommand, kQuery } kind = Kind::kCommand;
  int line = 0;
  std::string text;     // path of the file, the command, the SQL
  std::string content;  // kFile
  int exit = 0, exit_line = 0;
  std::optional<Section> out, err;  // exact but for blank lines at the end
  std::vector<Needle> out_contains, err_contains, lacks;
};

struct GoldenFile {
  std::string title;
  std::vector<Step> steps;
};

// nullopt with "LINE: what is wrong" in `error`.
std::optional<GoldenFile> ParseGolden(const std::string& text, std::string& error);

// The file's text with the bodies of sections replaced.
std::string ApplyUpdates(const std::string& text,
                         std::vector<std::pair<Section, std::string>> updates);

// Lines that differ: "- expected" and "+ came", with the equal ones between them.
std::string Diff(const std::string& expected, const std::string& came);

std::string Indented(const std::string& title,
                     const std::string& text);  // "" for no text; cut when long
std::string TrimEnd(std::string text);
std::string ReplaceAll(std::string text, const std::string& from, const std::string& to);

}  // namespace millrace::golden
