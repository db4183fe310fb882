// Small things done to text in many rooms.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

std::vector<std::string> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view Trim(std::string_view text);
std::string ToLower(std::string_view text);
// ASCII, whatever the locale: [A-Za-z0-9_], and names of them that do not begin with a digit.
bool IsNameByte(char c);
bool IsName(std::string_view text);
// At most `bytes` of it, and "…" when something was cut off; no character is cut in two.
std::string CutText(std::string text, size_t bytes);
// * ? [..] within a segment of a path; a segment of ** stands for any number of them.
bool GlobMatch(std::string_view pattern, std::string_view text);
// 'it''s' and "a ""b""": for SQL of every engine.
std::string SqlLiteral(std::string_view text);
std::string SqlName(std::string_view name);
// The closest of `candidates` by edit distance, or "" when none is near enough to suggest.
std::string Closest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace millrace
