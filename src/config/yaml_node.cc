#include <algorithm>

#include "base/text.h"
#include "config/scalar_origin.h"
#include "config/yaml.h"

namespace millrace {

YamlNode::YamlNode() = default;
YamlNode::YamlNode(const YamlNode&) = default;
YamlNode::YamlNode(YamlNode&&) noexcept = default;
YamlNode& YamlNode::operator=(const YamlNode&) = default;
YamlNode& YamlNode::operator=(YamlNode&&) noexcept = default;
YamlNode::~YamlNode() = default;

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& [each, value] : entries) {
    if (each.scalar == key) return &value;
  }
  return nullptr;
}

const YamlNode* YamlNode::FindKey(std::string_view key) const {
  for (const auto& [each, value] : entries) {
    if (each.scalar == key) return &each;
  }
  return nullptr;
}

Place YamlNode::PlaceOf(size_t offset) const {
  if (origin == nullptr || origin->source == nullptr) return place;
  size_t from = origin->pieces.empty() ? offset : MapBack(origin->pieces, offset);
  const std::string& parsed = origin->pieces.empty() ? scalar : origin->scalar;
  auto map = MapScalar(origin->source->text(), origin->begin, origin->style, parsed);
  if (!map) return place;
  return origin->source->At((*map)[std::min(from, map->size() - 1)]);
}

std::string YamlNode::Show() const {
  switch (kind) {
    case Kind::kNull: return "nothing";
    case Kind::kList: return "a list";
    case Kind::kMap: return "a map";
    case Kind::kScalar: break;
  }
  if (secret) return "'***'";
  constexpr size_t kLongest = 60;
  return "'" + CutText(scalar, kLongest) + "'";
}

}  // namespace millrace
