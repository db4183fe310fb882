// Where the bytes of a scalar stand in the file it was read from. Private to config/.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml.h"

namespace millrace {

// A file's text, shared by the nodes that were read from it.
class SourceText {
 public:
  SourceText(std::string file, std::string text);
  Place At(size_t byte) const;
  const std::string& file() const { return file_; }
  const std::string& text() const { return text_; }

 private:
  std::string file_, text_;
  std::vector<size_t> line_starts_;
};

enum class ScalarStyle { kPlain, kSingleQuoted, kDoubleQuoted, kLiteral, kFolded, kVerbatim };

// After interpolation: from byte `at` of the new text on, what stood at `from` in the old one.
struct Piece {
  size_t at = 0, from = 0;
  bool replaced = false;  // a value: all its bytes stand where its ${ does
};

// The offset in the old text of one in the new text.
size_t MapBack(const std::vector<Piece>& pieces, size_t offset);
// Of a text that was interpolated twice.
std::vector<Piece> ComposePieces(const std::vector<Piece>& first, const std::vector<Piece>& second);

struct ScalarOrigin {
  std::shared_ptr<const SourceText> source;  // null: made by the program
  size_t begin = 0;  // byte of the scalar's first quote, indicator or letter
  ScalarStyle style = ScalarStyle::kPlain;
  std::string scalar;  // as parsed; only kept when interpolation changed the node's
  std::vector<Piece> pieces;
};

// Where a node's own text begins, after the anchor and the tag at `at`; not beyond `end`.
size_t SkipProperties(std::string_view text, size_t at, size_t end);

// For each byte of `scalar`, and its end, the byte of `text` it comes from. nullopt when the text
// at `begin` is not this scalar. As YAML 1.1 reads it, which libyaml implements
// (https://yaml.org/spec/1.1/#id903915).
std::optional<std::vector<size_t>> MapScalar(std::string_view text, size_t begin, ScalarStyle style,
                                             std::string_view scalar);

}  // namespace millrace
