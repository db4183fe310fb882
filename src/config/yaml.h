// A YAML document as a tree in which every node knows its file, line and column.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

class Diagnostics;
struct ScalarOrigin;

struct Place {
  std::string file;  // as the user would type it
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1, in bytes
};

class YamlNode {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  // Written down because clang cannot make them up for a class that holds pairs of itself.
  YamlNode();
  YamlNode(const YamlNode&);
  YamlNode(YamlNode&&) noexcept;
  YamlNode& operator=(const YamlNode&);
  YamlNode& operator=(YamlNode&&) noexcept;
  ~YamlNode();

  Kind kind = Kind::kNull;
  Place place;
  std::string scalar;         // kScalar: the text, unquoted
  bool quoted = false;        // kScalar: '…' "…" | > : never null, number or boolean
  bool interpolated = false;  // kScalar: ${…} was replaced: may be a number although it is quoted
  bool secret = false;        // kScalar: a ${secret:…} is in it: never shown
  bool broken = false;  // kScalar: a ${…} in it could not be replaced, which was told already
  std::vector<YamlNode> items;                         // kList
  std::vector<std::pair<YamlNode, YamlNode>> entries;  // kMap, in order; keys are scalars
  std::shared_ptr<const ScalarOrigin> origin;  // for PlaceOf; null where no file is behind it

  bool IsNull() const { return kind == Kind::kNull; }
  bool IsScalar() const { return kind == Kind::kScalar; }
  bool IsList() const { return kind == Kind::kList; }
  bool IsMap() const { return kind == Kind::kMap; }
  // The value of a key, or null pointer.
  const YamlNode* Find(std::string_view key) const;
  const YamlNode* FindKey(std::string_view key) const;
  // Where the byte `offset` of `scalar` stands in the file: inside block, folded and quoted scalars
  // too. Of an interpolated value: where its ${…} stands.
  Place PlaceOf(size_t offset) const;
  // For messages: "'abc'", "a list", "a map", "nothing"; long text is cut, a secret is '***'.
  std::string Show() const;
};

// Parses one document. Anchors, aliases and merge keys (<<) are resolved; duplicate keys, a second
// document, non-scalar keys, more than 64 levels and alias bombs (over 200,000 nodes) are errors.
// After an alias, places are those of the anchor's text. On a syntax error what stands before it is
// not returned: a null node is. Never throws.
YamlNode ParseYaml(std::string_view text, std::string_view file, Diagnostics& diagnostics);

// A scalar that is a whole file (an SQL file beside the pipeline), with its places.
YamlNode TextNode(std::string_view text, std::string_view file);

}  // namespace millrace
