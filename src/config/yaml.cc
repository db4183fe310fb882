#include "config/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "config/diagnostics.h"
#include "config/scalar_origin.h"
#include "config/yaml_syntax.h"

namespace millrace {

namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxNodes = 200'000;
constexpr size_t kMaxBytes = size_t{16} << 20;       // of a file
constexpr size_t kMaxAliasBytes = size_t{64} << 20;  // of text that aliases repeat

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&raw); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  yaml_event_t raw{};
};

// A subtree with what it costs to repeat it.
struct Subtree {
  YamlNode node;
  size_t nodes = 0, bytes = 0;
  int height = 0;
};

// What a map has beside its entries, until it is whole.
struct MapParts {
  std::map<std::string, Place> keys;
  std::optional<YamlNode> merged;  // the value of <<
  size_t merged_at = 0;            // the entry before which it was written
};

std::string_view View(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

bool IsNullText(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

ScalarStyle StyleOf(yaml_scalar_style_t style) {
  switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: return ScalarStyle::kSingleQuoted;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return ScalarStyle::kDoubleQuoted;
    case YAML_LITERAL_SCALAR_STYLE: return ScalarStyle::kLiteral;
    case YAML_FOLDED_SCALAR_STYLE: return ScalarStyle::kFolded;
    default: return ScalarStyle::kPlain;
  }
}

class Composer {
 public:
  Composer(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics)
      : source_(std::move(source)), diagnostics_(diagnostics), bytes_of_(source_->text()) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    std::string_view text = source_->text();
    text.remove_prefix(bytes_of_.start());
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const yaml_char_t*>(text.data()),
                                 text.size());
  }
  ~Composer() { yaml_parser_delete(&parser_); }
  Composer(const Composer&) = delete;
  Composer& operator=(const Composer&) = delete;

  YamlNode Document();

 private:
  // Each is false when there is no point in going on: that was told.
  bool Next(Event& event);
  bool Compose(const Event& event, int depth, Subtree& out);
  bool ComposeAlias(const Event& event, int depth, Subtree& out);
  bool ComposeScalar(const Event& event, size_t begin, Subtree& out);
  bool ComposeList(int depth, Subtree& out);
  bool ComposeMap(int depth, Subtree& out);
  bool ComposeEntry(const Event& key_event, int depth, Subtree& out, MapParts& parts);
  bool Spend(const Subtree& subtree, const Place& place);
  bool CheckTag(std::string_view tag, bool scalar, const Place& place);
  bool Fail(const Place& place, std::string message, std::string hint = "") {
    diagnostics_.Error(place, std::move(message), std::move(hint));
    return false;
  }
  void Merge(YamlNode& map, MapParts parts);
  Place At(const yaml_mark_t& mark) const { return source_->At(bytes_of_.Byte(mark.index)); }

  std::shared_ptr<const SourceText> source_;
  Diagnostics& diagnostics_;
  ByteIndex bytes_of_;
  yaml_parser_t parser_;
  std::map<std::string, Subtree> anchors_;
  std::set<std::string> open_anchors_;  // those whose value is being read
  size_t nodes_ = 0, alias_bytes_ = 0;
};

bool Composer::Next(Event& event) {
  if (yaml_parser_parse(&parser_, &event.raw)) return true;
  SyntaxError error{.problem = parser_.problem ? parser_.problem : "out of memory",
                    .context = parser_.context ? parser_.context : ""};
  if (parser_.error == YAML_READER_ERROR) {
    error.at = bytes_of_.start() + parser_.problem_offset;
  } else {
    error.at = bytes_of_.Byte(parser_.problem_mark.index);
    if (parser_.context) error.context_at = bytes_of_.Byte(parser_.context_mark.index);
  }
  diagnostics_.Add(ExplainSyntaxError(error, *source_));
  return false;
}

bool Composer::Spend(const Subtree& subtree, const Place& place) {
  nodes_ += subtree.nodes;
  alias_bytes_ += subtree.bytes;
  if (nodes_ > kMaxNodes) {
    return Fail(place, "more than 200,000 values in one file", "are aliases nested in each other?");
  }
  if (alias_bytes_ > kMaxAliasBytes) {
    return Fail(place, "aliases repeat more than 64 MB of text", "are they nested in each other?");
  }
  return true;
}

bool Composer::CheckTag(std::string_view tag, bool scalar, const Place& place) {
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (tag.empty() || tag == "!") return true;
  std::string_view name = tag.starts_with(kCore) ? tag.substr(kCore.size()) : "";
  constexpr std::string_view kScalars[] = {"str", "int", "float", "bool", "null"};
  bool known = scalar
                   ? std::find(std::begin(kScalars), std::end(kScalars), name) != std::end(kScalars)
                   : name == "map" || name == "seq";
  if (!known) {
    diagnostics_.Error(place, "the tag '" + std::string(tag) + "' means nothing here",
                       "remove it; to begin text with '!', quote the text");
  }
  return known;
}

bool Composer::Compose(const Event& event, int depth, Subtree& out) {
  const yaml_event_t& raw = event.raw;
  if (raw.type == YAML_ALIAS_EVENT) return ComposeAlias(event, depth, out);
  bool scalar = raw.type == YAML_SCALAR_EVENT;
  bool list = raw.type == YAML_SEQUENCE_START_EVENT;
  std::string anchor(View(scalar ? raw.data.scalar.anchor
                          : list ? raw.data.sequence_start.anchor
                                 : raw.data.mapping_start.anchor));
  std::string_view tag = View(scalar ? raw.data.scalar.tag
                              : list ? raw.data.sequence_start.tag
                                     : raw.data.mapping_start.tag);
  size_t begin = bytes_of_.Byte(raw.start_mark.index);
  if (!anchor.empty() || !tag.empty()) {
    begin = SkipProperties(source_->text(), begin, bytes_of_.Byte(raw.end_mark.index));
  }
  out.node.place = source_->At(begin);
  out.nodes = 1;
  if (!Spend(Subtree{.nodes = 1}, out.node.place)) return false;
  if (depth >= kMaxDepth) return Fail(out.node.place, "more than 64 levels of lists and maps");
  CheckTag(tag, scalar, At(raw.start_mark));
  if (!anchor.empty()) open_anchors_.insert(anchor);
  bool ok = false;
  if (scalar) {
    ok = ComposeScalar(event, begin, out);
  } else {
    ok = list ? ComposeList(depth, out) : ComposeMap(depth, out);
  }
  if (ok && !anchor.empty()) {
    open_anchors_.erase(anchor);
    anchors_[anchor] = out;
  }
  return ok;
}

bool Composer::ComposeAlias(const Event& event, int depth, Subtree& out) {
  std::string name(View(event.raw.data.alias.anchor));
  Place place = At(event.raw.start_mark);
  out.node.place = place;
  if (open_anchors_.contains(name)) return Fail(place, "'&" + name + "' contains itself");
  auto anchor = anchors_.find(name);
  if (anchor == anchors_.end()) {
    std::vector<std::string> names;
    for (const auto& [each, subtree] : anchors_) names.push_back(each);
    std::string closest = Closest(name, names);
    diagnostics_.Error(place, "'*" + name + "' names no anchor before it",
                       closest.empty() ? "to begin text with '*', quote the text"
                                       : "did you mean '*" + closest + "'?");
    return true;
  }
  if (!Spend(anchor->second, place)) return false;
  if (depth + anchor->second.height >= kMaxDepth) {
    return Fail(place, "more than 64 levels of lists and maps");
  }
  out = anchor->second;
  return true;
}

bool Composer::ComposeScalar(const Event& event, size_t begin, Subtree& out) {
  const auto& data = event.raw.data.scalar;
  out.node.origin = std::make_shared<ScalarOrigin>(
      ScalarOrigin{.source = source_, .begin = begin, .style = StyleOf(data.style)});
  out.node.scalar.assign(reinterpret_cast<const char*>(data.value), data.length);
  out.bytes = data.length;
  bool is_text = View(data.tag) == YAML_STR_TAG;
  out.node.quoted = data.style != YAML_PLAIN_SCALAR_STYLE || is_text;
  bool null = !out.node.quoted && IsNullText(out.node.scalar);
  out.node.kind = null ? YamlNode::Kind::kNull : YamlNode::Kind::kScalar;
  return true;
}

bool Composer::ComposeList(int depth, Subtree& out) {
  out.node.kind = YamlNode::Kind::kList;
  while (true) {
    Event event;
    if (!Next(event)) return false;
    if (event.raw.type == YAML_SEQUENCE_END_EVENT) return true;
    Subtree item;
    if (!Compose(event, depth + 1, item)) return false;
    out.nodes += item.nodes;
    out.bytes += item.bytes;
    out.height = std::max(out.height, item.height + 1);
    out.node.items.push_back(std::move(item.node));
  }
}

bool Composer::ComposeMap(int depth, Subtree& out) {
  out.node.kind = YamlNode::Kind::kMap;
  MapParts parts;
  while (true) {
    Event event;
    if (!Next(event)) return false;
    if (event.raw.type == YAML_MAPPING_END_EVENT) break;
    if (!ComposeEntry(event, depth, out, parts)) return false;
  }
  if (parts.merged) Merge(out.node, std::move(parts));
  return true;
}

bool Composer::ComposeEntry(const Event& key_event, int depth, Subtree& out, MapParts& parts) {
  Subtree key, value;
  if (!Compose(key_event, depth + 1, key)) return false;
  Event value_event;
  if (!Next(value_event) || !Compose(value_event, depth + 1, value)) return false;
  for (const Subtree* part : {&key, &value}) {
    out.nodes += part->nodes;
    out.bytes += part->bytes;
    out.height = std::max(out.height, part->height + 1);
  }
  bool is_text = key.node.IsScalar() || (key.node.IsNull() && !key.node.scalar.empty());
  if (!is_text) {
    const Place& place = key.node.place;
    diagnostics_.Error(place,
                       key.node.IsNull() ? "a key is missing before ':'" : "a key must be text",
                       key.node.IsMap() ? "a value that begins with '{' must be quoted" : "");
    return true;
  }
  key.node.kind = YamlNode::Kind::kScalar;  // `null: NA`: a key is text
  bool merge = key.node.scalar == "<<" && !key.node.quoted;
  auto [earlier, fresh] = parts.keys.emplace(key.node.scalar, key.node.place);
  if (!fresh) {
    diagnostics_.Error(key.node.place, "'" + key.node.scalar + "' is written twice in this map",
                       merge ? "merge several at once: <<: [*a, *b]"
                             : "first on line " + std::to_string(earlier->second.line));
  } else if (merge) {
    parts.merged = std::move(value.node);
    parts.merged_at = out.node.entries.size();
  } else {
    out.node.entries.emplace_back(std::move(key.node), std::move(value.node));
  }
  return true;
}

// What a map says itself wins; of several merged ones the first.
void Composer::Merge(YamlNode& map, MapParts parts) {
  std::vector<YamlNode> sources;
  if (parts.merged->IsList()) {
    sources = std::move(parts.merged->items);
  } else {
    sources.push_back(*std::move(parts.merged));
  }
  std::vector<std::pair<YamlNode, YamlNode>> entries;
  for (YamlNode& source : sources) {
    if (!source.IsMap()) {
      diagnostics_.Error(source.place, "'<<' merges a map, not " + source.Show(),
                         "write <<: *anchor");
      continue;
    }
    for (auto& [key, value] : source.entries) {
      bool fresh = parts.keys.emplace(key.scalar, key.place).second;
      if (fresh) entries.emplace_back(std::move(key), std::move(value));
    }
  }
  map.entries.insert(map.entries.begin() + ptrdiff_t(parts.merged_at),
                     std::make_move_iterator(entries.begin()),
                     std::make_move_iterator(entries.end()));
}

YamlNode Composer::Document() {
  YamlNode nothing;
  nothing.place = source_->At(bytes_of_.start());
  Subtree root;
  bool seen = false;
  while (true) {
    Event event;
    if (!Next(event)) return nothing;
    switch (event.raw.type) {
      case YAML_STREAM_END_EVENT: return seen ? std::move(root.node) : nothing;
      case YAML_STREAM_START_EVENT:
      case YAML_DOCUMENT_END_EVENT: break;
      case YAML_DOCUMENT_START_EVENT:
        if (!seen) break;
        diagnostics_.Error(At(event.raw.start_mark), "a second document begins here",
                           "put it into a file of its own");
        return std::move(root.node);
      default:
        if (!Compose(event, 0, root)) return nothing;
        seen = true;
    }
  }
}

}  // namespace

YamlNode ParseYaml(std::string_view text, std::string_view file, Diagnostics& diagnostics) {
  YamlNode nothing;
  nothing.place = {std::string(file), 1, 1};
  if (text.size() > kMaxBytes) {
    diagnostics.Error({std::string(file)}, "the file is longer than 16 MB", "is it YAML?");
    return nothing;
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    diagnostics.Error(nothing.place, "the file is UTF-16", "save it as UTF-8");
    return nothing;
  }
  auto source = std::make_shared<const SourceText>(std::string(file), std::string(text));
  return Composer(std::move(source), diagnostics).Document();
}

YamlNode TextNode(std::string_view text, std::string_view file) {
  auto source = std::make_shared<const SourceText>(std::string(file), std::string(text));
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  size_t begin = text.starts_with("\ufeff") ? 3 : 0;
  node.scalar = text.substr(begin);
  node.quoted = true;
  node.place = source->At(begin);
  node.origin = std::make_shared<ScalarOrigin>(
      ScalarOrigin{.source = std::move(source), .begin = begin, .style = ScalarStyle::kVerbatim});
  return node;
}

}  // namespace millrace
