#include "pipeline/yaml_tree.h"

#include <algorithm>
#include <utility>

namespace millrace {

YamlNode Overlay(const YamlNode& base, const YamlNode& over) {
  if (!base.IsMap() || !over.IsMap()) return over;
  YamlNode merged = base;
  for (const auto& [key, value] : over.entries) {
    auto same = [&key = key](const auto& entry) { return entry.first.scalar == key.scalar; };
    auto found = std::find_if(merged.entries.begin(), merged.entries.end(), same);
    if (found == merged.entries.end()) {
      merged.entries.emplace_back(key, value);
    } else {
      found->second = Overlay(found->second, value);
    }
  }
  return merged;
}

YamlNode Without(const YamlNode& map, std::string_view key) {
  YamlNode result = map;
  std::erase_if(result.entries, [&](const auto& entry) { return entry.first.scalar == key; });
  return result;
}

YamlNode WithoutExtensions(const YamlNode& map) {
  YamlNode result = map;
  std::erase_if(result.entries,
                [](const auto& entry) { return entry.first.scalar.starts_with("x-"); });
  return result;
}

YamlNode ScalarLike(const YamlNode& like, std::string text) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.place = like.place;
  node.scalar = std::move(text);
  return node;
}

YamlNode MapOf(std::string key, YamlNode value) {
  YamlNode node;
  node.kind = YamlNode::Kind::kMap;
  node.place = value.place;
  YamlNode key_node = ScalarLike(value, std::move(key));
  node.entries.emplace_back(std::move(key_node), std::move(value));
  return node;
}

std::string Canonical(const YamlNode& node) {
  // Lengths make it unambiguous, whatever the scalars hold.
  switch (node.kind) {
    case YamlNode::Kind::kNull: return "n;";
    case YamlNode::Kind::kScalar:
      return "s" + std::to_string(node.scalar.size()) + ":" + node.scalar + ";";
    case YamlNode::Kind::kList: {
      std::string text = "l" + std::to_string(node.items.size()) + ":";
      for (const YamlNode& item : node.items) text += Canonical(item);
      return text;
    }
    case YamlNode::Kind::kMap: {
      std::string text = "m" + std::to_string(node.entries.size()) + ":";
      for (const auto& [key, value] : node.entries) text += Canonical(key) + Canonical(value);
      return text;
    }
  }
  return "";
}

}  // namespace millrace
