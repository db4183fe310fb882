// Trees of YAML nodes, put together and taken apart.
#pragma once

#include <string>
#include <string_view>

#include "config/yaml.h"

namespace millrace {

// `over` upon `base`: maps merged key by key, everything else replaced.
YamlNode Overlay(const YamlNode& base, const YamlNode& over);
YamlNode Without(const YamlNode& map, std::string_view key);
// Without the keys that begin with "x-": they hold what anchors name.
YamlNode WithoutExtensions(const YamlNode& map);
// A scalar at the place of `like`.
YamlNode ScalarLike(const YamlNode& like, std::string text);
// A map of one entry at the place of `value`.
YamlNode MapOf(std::string key, YamlNode value);

// The same text for trees that mean the same: no places, no quotes, no comments, but the order of
// entries kept.
std::string Canonical(const YamlNode& node);

}  // namespace millrace
