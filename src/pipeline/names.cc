#include "pipeline/names.h"

#include <algorithm>

#include "base/text.h"

namespace millrace {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool IsTaskName(std::string_view name) {
  return !name.empty() && IsLetter(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '-';
  });
}

bool IsInputName(std::string_view name) {
  return IsTaskName(name) && name.find('-') == std::string_view::npos;
}

std::string SuggestName(std::string_view wrong, const std::vector<std::string>& names) {
  constexpr size_t kFew = 12;
  std::string closest = Closest(wrong, names);
  if (!closest.empty()) return "did you mean '" + closest + "'?";
  if (names.empty() || names.size() > kFew) return "";
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  return "there are: " + Join(sorted, ", ");
}

std::string SchemeOf(const std::string& path) {
  size_t at = path.find("://");
  return at == path.npos ? "" : path.substr(0, at);
}

}  // namespace millrace
