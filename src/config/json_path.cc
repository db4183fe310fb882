#include "config/json_path.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace millrace {

namespace {

Status Wrong(std::string_view text, size_t at, const std::string& what) {
  return Invalid("'" + std::string(text) + "' is not a path: " + what + " at character " +
                     std::to_string(at + 1),
                 "write it like data.items, data[0].rows or groups[*].members");
}

const Json* Walk(const Json& at, const std::vector<JsonStep>& steps, size_t depth) {
  if (depth == steps.size()) return &at;
  const JsonStep& step = steps[depth];
  if (step.kind == JsonStep::Kind::kName) {
    auto found = at.is_object() ? at.find(step.name) : at.end();
    return found == at.end() ? nullptr : Walk(*found, steps, depth + 1);
  }
  if (!at.is_array()) return nullptr;
  auto size = static_cast<int64_t>(at.size());
  if (step.kind == JsonStep::Kind::kIndex) {
    int64_t index = step.index < 0 ? size + step.index : step.index;
    if (index < 0 || index >= size) return nullptr;
    return Walk(at[static_cast<size_t>(index)], steps, depth + 1);
  }
  for (const Json& item : at) {
    if (const Json* found = Walk(item, steps, depth + 1)) return found;
  }
  return nullptr;
}

}  // namespace

Result<JsonPath> JsonPath::Parse(std::string_view text) {
  JsonPath path;
  size_t at = text.starts_with('$') ? 1 : 0;
  bool dotted = at == 1;  // after $, a dot stands before a name
  while (at < text.size()) {
    if (text[at] == '[') {
      size_t end = text.find(']', at);
      if (end == text.npos) return Wrong(text, at, "'[' is never closed");
      std::string_view inside = text.substr(at + 1, end - at - 1);
      JsonStep step{.kind = JsonStep::Kind::kEvery};
      if (inside != "*") {
        step.kind = JsonStep::Kind::kIndex;
        auto [last, error] =
            std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
        if (error != std::errc() || last != inside.data() + inside.size())
          return Wrong(text, at + 1, "a number or * is missing");
      }
      path.steps_.push_back(step);
      at = end + 1;
      dotted = true;
      continue;
    }
    if (dotted && text[at] != '.') return Wrong(text, at, "a dot is missing");
    if (dotted) ++at;
    dotted = true;
    bool quoted = at < text.size() && (text[at] == '\'' || text[at] == '"');
    size_t begin = quoted ? at + 1 : at;
    size_t end = quoted ? text.find(text[at], begin) : text.find_first_of(".[", begin);
    if (quoted && end == text.npos) return Wrong(text, at, "the quote is never closed");
    end = std::min(end, text.size());
    if (end == begin) return Wrong(text, at, "a name is missing");
    path.steps_.push_back({JsonStep::Kind::kName, std::string(text.substr(begin, end - begin))});
    at = quoted ? end + 1 : end;
    if (at == text.size() - 1 && text[at] == '.') return Wrong(text, at + 1, "a name is missing");
  }
  return path;
}

const Json* JsonPath::First(const Json& document) const { return Walk(document, steps_, 0); }

}  // namespace millrace
