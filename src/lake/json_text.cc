#include "lake/json_text.h"

#include <nlohmann/json.hpp>

#include <limits>

namespace millrace {

namespace {

// The library prints and destroys by recursion: what is nested without bound must not get there.
constexpr int kMaxDepth = 200;

bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '{' || c == '[') && ++depth > kMaxDepth) return true;
    if (c == '}' || c == ']') --depth;
  }
  return false;
}

}  // namespace

Result<Json> ParseJson(std::string_view text) {
  if (TooDeep(text)) return Invalid("the JSON is nested too deeply");
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Invalid("this is not JSON: " + std::string(text.substr(0, 60)));
  return json;
}

std::string PrintJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string TextMember(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  return member && member->is_string() ? member->get<std::string>() : "";
}

std::optional<int64_t> IntegerMember(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  if (!member) return std::nullopt;
  if (member->is_number_unsigned()) {
    uint64_t value = member->get<uint64_t>();
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(value);
  }
  if (member->is_number_integer()) return member->get<int64_t>();
  return std::nullopt;
}

std::optional<bool> BoolMember(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  if (!member || !member->is_boolean()) return std::nullopt;
  return member->get<bool>();
}

std::map<std::string, std::string> TextMapMember(const Json& object, const char* key) {
  std::map<std::string, std::string> map;
  const Json* member = Member(object, key);
  if (!member || !member->is_object()) return map;
  for (const auto& [name, value] : member->items()) {
    if (value.is_null()) continue;
    map[name] = value.is_string() ? value.get<std::string>() : PrintJson(value);
  }
  return map;
}

std::string JsonMember(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  return member ? PrintJson(*member) : "";
}

}  // namespace millrace
