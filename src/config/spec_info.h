// What a Spec declared, without its Config type: the reference pages and the JSON Schema are made
// of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/json.h"

namespace millrace {

enum class FieldKind {
  kText,
  kBoolean,
  kInteger,
  kNumber,
  kDuration,
  kBytes,
  kSecret,
  kChoice,
  kTextList,
  kTextMap,
  kGroup,
  kGroupList,
  kAny,  // a YamlNode, read by its owner
};

struct FieldOptions {
  bool required = false;
  std::optional<double> min, max;  // numbers; lists: their length; durations: seconds; bytes: bytes
  std::string example = {};        // YAML of the value
  std::vector<std::string> choices = {};  // kText with a fixed set of values; enums bring their own
  bool deprecated = false;
};

struct SpecInfo;

struct FieldInfo {
  std::string key, help;
  FieldKind kind = FieldKind::kText;
  std::string default_text;  // as YAML; "" when there is none
  FieldOptions options;
  std::shared_ptr<const SpecInfo> group;  // kGroup, kGroupList
};

struct SpecInfo {
  std::string name, summary;
  std::vector<FieldInfo> fields;
  std::string short_field;                                    // "" when there is no short form
  std::vector<std::pair<std::string, std::string>> examples;  // title, YAML
  bool any_key = false;  // unknown keys are the owner's business

  const FieldInfo* Find(std::string_view key) const;
};

// A section of the reference: heading, summary, a table of fields (groups as "group.field"),
// examples.
std::string SpecMarkdown(const SpecInfo& info);
// Draft 2020-12, without "$schema": an object to embed. Wherever a number, boolean or duration may
// stand, text with a ${…} may stand too.
Json SpecJsonSchema(const SpecInfo& info);

}  // namespace millrace
