// SQL as the user wrote it, its ${…} replaced, that still knows where each byte came from.
#pragma once

#include <string>
#include <string_view>

#include "config/diagnostics.h"
#include "config/values.h"
#include "config/yaml.h"

namespace millrace {

class SqlText {
 public:
  SqlText() = default;
  // A scalar of a YAML file. Undefined names are told at their place.
  static SqlText Inline(const YamlNode& node, const Values& values, Diagnostics& diagnostics);
  // The content of a .sql file; `file` as it is shown.
  static SqlText File(std::string_view content, const std::string& file, const Values& values,
                      Diagnostics& diagnostics);

  // Without a semicolon at the end; ends with a line break where a comment would swallow what
  // follows.
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  bool broken() const { return node_.broken; }  // an undefined name is in it, which was told
  bool secret() const { return node_.secret; }  // no word of it may be shown
  // Where byte `offset` of text() was written; of a replaced ${…}, its beginning.
  Place PlaceOf(size_t offset) const { return node_.PlaceOf(offset); }
  // With the names replaced that were kept before (${run.*}).
  SqlText Resolve(const Values& values, Diagnostics& diagnostics) const;

 private:
  YamlNode node_;
  std::string text_;
};

}  // namespace millrace
