// SQL as the user wrote it, its ${…} replaced, that still knows where each byte came from.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

  // Without a semicolon at the end; ends with a line break when a comment would swallow what follows.
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  // Where byte `offset` of text() was written; of a replaced ${…}, its beginning.
  Place PlaceOf(size_t offset) const;
  // With the names replaced that were kept before (${run.*}).
  SqlText Resolve(const Values& values, Diagnostics& diagnostics) const;

 private:
  struct Piece {
    std::string text;
    size_t source = 0;      // byte offset in what was written
    bool literal = true;    // else one ${…}
    bool kept = false;      // a ${…} not yet replaced
  };
  using PlaceOfSource = std::function<Place(size_t)>;

  static SqlText Make(std::string_view written, PlaceOfSource place_of, const Values& values,
                      Diagnostics& diagnostics);
  void Join();

  std::vector<Piece> pieces_;
  std::shared_ptr<const PlaceOfSource> place_of_source_;
  std::string text_;
};

}  // namespace millrace
