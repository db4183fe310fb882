#include "config/values.h"

#include <algorithm>

#include "base/text.h"
#include "config/scalar_origin.h"

namespace millrace {

namespace {

// "params.year"; of secrets also "db-password".
bool IsDottedName(std::string_view text, std::string_view also) {
  bool starts_well = IsName(text.substr(0, 1));
  return starts_well && std::all_of(text.begin(), text.end(), [&](char c) {
           return IsNameByte(c) || also.find(c) != also.npos;
         });
}

struct Expanded {
  std::string text;
  std::vector<Piece> pieces;
  bool secret = false, broken = false;
};

class Expander {
 public:
  Expander(const YamlNode& node, const Values& values, Diagnostics& diagnostics)
      : node_(node), text_(node.scalar), values_(values), diagnostics_(diagnostics) {}

  Expanded Expand();

 private:
  void Replace(size_t from, std::string_view value) {
    out_.pieces.push_back({out_.text.size(), from, true});
    out_.text += value;
  }
  void Literal(size_t from, size_t to) {
    if (from == to) return;
    out_.pieces.push_back({out_.text.size(), from, false});
    out_.text += text_.substr(from, to - from);
  }
  void Fault(size_t at, std::string message, std::string hint) {
    out_.broken = true;
    if (++faults_ > kMostFaults) return;  // to find a place takes time in proportion to the text
    diagnostics_.Error(node_.PlaceOf(at), std::move(message), std::move(hint));
  }
  bool IsKept(std::string_view name) const {
    auto begins = [&](const std::string& prefix) { return name.starts_with(prefix); };
    const std::vector<std::string>&keep = values_.keep, &only = values_.only;
    return std::any_of(keep.begin(), keep.end(), begins) ||
           (!only.empty() && std::none_of(only.begin(), only.end(), begins));
  }
  size_t Close(size_t open, size_t end) const;
  void ExpandLiteral(size_t begin, size_t end);
  void Reference(size_t at, size_t close);
  bool Default(size_t at, size_t begin, size_t end);
  bool Variable(size_t at, std::string_view name);
  bool SecretValue(size_t at, std::string_view name);
  void Undefined(size_t at, std::string_view name);

  const YamlNode& node_;
  std::string_view text_;
  const Values& values_;
  Diagnostics& diagnostics_;
  Expanded out_;
  static constexpr int kMostFaults = 20, kMostNested = 8;
  int faults_ = 0, depth_ = 0;
};

// The '}' of the "${" at `open`, before `end`; braces in a default come in pairs. npos: there is
// none.
size_t Expander::Close(size_t open, size_t end) const {
  size_t depth = 0;
  for (size_t at = open + 1; at < end; ++at) {
    if (text_[at] == '{') ++depth;
    if (text_[at] == '}' && --depth == 0) return at;
  }
  return text_.npos;
}

Expanded Expander::Expand() {
  std::vector<Piece> pieces{{}};
  if (node_.origin != nullptr && !node_.origin->pieces.empty()) pieces = node_.origin->pieces;
  for (size_t i = 0; i < pieces.size(); ++i) {
    size_t end = i + 1 < pieces.size() ? pieces[i + 1].at : text_.size();
    size_t begin = std::min(pieces[i].at, text_.size());
    end = std::min(end, text_.size());
    // A value from an earlier pass is not scanned: it may be a secret, and may hold a ${ of its
    // own.
    if (pieces[i].replaced) {
      Replace(begin, text_.substr(begin, end - begin));
    } else {
      ExpandLiteral(begin, end);
    }
  }
  return std::move(out_);
}

void Expander::ExpandLiteral(size_t literal, size_t end) {
  size_t at = literal;
  while ((at = text_.substr(0, end).find("${", at)) != text_.npos) {
    bool escaped = at > literal && text_[at - 1] == '$';
    if (escaped) {
      // A kept name is looked at once more, later: only then does its escape go.
      if (!IsKept(text_.substr(at + 2))) {
        Literal(literal, at - 1);
        Replace(at - 1, "${");
        literal = at + 2;
      }
      at += 2;
      continue;
    }
    size_t close = Close(at, end);
    if (close == text_.npos) {
      Fault(at, "'${' is never closed", "write ${NAME}, or $${ for the text");
      break;
    }
    if (!IsKept(text_.substr(at + 2))) {
      Literal(literal, at);
      Reference(at, close);
      literal = close + 1;
    }
    at = close + 1;
  }
  Literal(literal, end);
}

// One ${…}. Where it cannot be replaced it stays as it is.
void Expander::Reference(size_t at, size_t close) {
  std::string_view inside = text_.substr(at + 2, close - at - 2);
  size_t colon = inside.find(':');
  std::string_view name = inside.substr(0, colon);
  bool done = false;
  if (name == "secret" && colon != inside.npos) {
    done = SecretValue(at, inside.substr(colon + 1));
  } else if (!IsDottedName(name, ".")) {
    Fault(at, "'" + std::string(name) + "' is not a name for ${…}", "write $${ for the text ${");
  } else if (colon != inside.npos && !values_.variables.contains(std::string(name))) {
    done = Default(at, at + 2 + colon + 1, close);
  } else {
    done = Variable(at, name);
  }
  if (!done) Replace(at, text_.substr(at, close + 1 - at));
}

// Another name may be the default: ${APP_NAME:${NAME:none}}.
bool Expander::Default(size_t at, size_t begin, size_t end) {
  std::string_view text = text_.substr(begin, end - begin);
  if (text.find("${") == text.npos) {
    Replace(at, text);
    return true;
  }
  if (depth_ == kMostNested) {
    Fault(at, "more than " + std::to_string(kMostNested) + " ${…} in each other", "");
    return false;
  }
  ++depth_;
  ExpandLiteral(begin, end);
  --depth_;
  return true;
}

bool Expander::Variable(size_t at, std::string_view name) {
  auto value = values_.variables.find(std::string(name));
  if (value == values_.variables.end()) {
    Undefined(at, name);
    return false;
  }
  Replace(at, value->second);
  return true;
}

bool Expander::SecretValue(size_t at, std::string_view name) {
  if (!IsDottedName(name, ".-")) {
    Fault(at, "'" + std::string(name) + "' is not the name of a secret",
          "a secret has no default: write ${secret:name}");
    return false;
  }
  auto value = values_.secrets.find(std::string(name));
  if (value != values_.secrets.end()) {
    Replace(at, value->second.Reveal());
    out_.secret = true;
    return true;
  }
  std::vector<std::string> names;
  for (const auto& [each, secret] : values_.secrets) names.push_back(each);
  std::string closest = Closest(name, names);
  std::string variable = "MILLRACE_SECRET_";
  for (char c : name)
    variable += IsNameByte(c) ? char(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) : '_';
  Fault(at, "undefined secret '" + std::string(name) + "'",
        closest.empty() ? "set " + variable : "did you mean '" + closest + "'?");
  return false;
}

void Expander::Undefined(size_t at, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [each, value] : values_.variables) names.push_back(each);
  std::string closest = Closest(name, names);
  std::string hint = "did you mean '" + closest + "'?";
  std::string kind = "variable";
  std::string otherwise =
      "set it in the environment or .env, or give a default: ${" + std::string(name) + ":default}";
  if (name.starts_with("params.")) {
    kind = "parameter";
    otherwise = "declare it under params:";
  } else if (name.starts_with("matrix.")) {
    kind = "matrix value";
    otherwise = "declare it under the task's matrix:";
  } else if (name.starts_with("run.")) {
    kind = "run value";
    otherwise =
        "there are run.id, run.logical_date, run.data_interval_start and run.data_interval_end";
  }
  Fault(at, "undefined " + kind + " '" + std::string(name) + "'",
        closest.empty() ? otherwise : hint);
}

// Replaced scalars keep the way back to what the file says.
void InterpolateScalar(YamlNode& node, const Values& values, Diagnostics& diagnostics) {
  if (node.scalar.find("${") == node.scalar.npos) return;
  Expanded expanded = Expander(node, values, diagnostics).Expand();
  node.broken = node.broken || expanded.broken;
  node.secret = node.secret || expanded.secret;
  if (expanded.text == node.scalar) return;
  node.interpolated = true;
  ScalarOrigin origin = node.origin == nullptr ? ScalarOrigin() : *node.origin;
  if (origin.pieces.empty()) {
    origin.scalar = node.scalar;
    origin.pieces = std::move(expanded.pieces);
  } else {
    origin.pieces = ComposePieces(origin.pieces, expanded.pieces);
  }
  node.origin = std::make_shared<const ScalarOrigin>(std::move(origin));
  node.scalar = std::move(expanded.text);
}

void InterpolateTree(YamlNode& node, const Values& values, Diagnostics& diagnostics) {
  if (node.IsScalar()) InterpolateScalar(node, values, diagnostics);
  for (YamlNode& item : node.items) InterpolateTree(item, values, diagnostics);
  for (auto& [key, value] : node.entries) InterpolateTree(value, values, diagnostics);
}

}  // namespace

YamlNode Interpolate(const YamlNode& node, const Values& values, Diagnostics& diagnostics) {
  YamlNode copy = node;
  InterpolateTree(copy, values, diagnostics);
  return copy;
}

std::string Masked(std::string_view text, const std::map<std::string, Secret>& secrets) {
  constexpr size_t kShortest = 4;
  std::string masked(text);
  for (const auto& [name, secret] : secrets) {
    const std::string& value = secret.Reveal();
    if (value.size() < kShortest) continue;
    for (size_t at = masked.find(value); at != masked.npos; at = masked.find(value, at + 3)) {
      masked.replace(at, value.size(), "***");
    }
  }
  return masked;
}

}  // namespace millrace
