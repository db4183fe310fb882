#include "config/yaml_syntax.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace millrace {

namespace {

struct Explanation {
  std::string_view problem;  // what libyaml's begins with
  std::string_view message, hint;
};

// Those that need no look at the text.
constexpr Explanation kExplanations[] = {
    {"found unknown escape character", "unknown escape after '\\' in a quoted text",
     "in '…' a backslash is just a backslash"},
    {"did not find expected hexdecimal number", "hexadecimal digits are missing after the escape",
     "in '…' a backslash is just a backslash"},
    {"found invalid Unicode character escape code", "this escape is no Unicode character", ""},
    {"found unexpected document indicator", "a line of --- or ... within a quoted text",
     "is the closing quote missing?"},
    {"block sequence entries are not allowed", "a list item cannot stand here",
     "begin the list on a line of its own, or quote text that begins with '- '"},
    {"mapping keys are not allowed", "a key cannot stand here", "quote text that begins with '?'"},
    {"did not find expected '-' indicator", "this is neither an item of the list above nor a key",
     "indent it like its neighbours"},
    {"found an indentation indicator equal to 0", "the indentation after | or > cannot be 0", ""},
    {"did not find expected comment or line break", "text stands on the line of the | or >",
     "begin the text on the next line"},
    {"did not find expected <document start>", "this line does not belong to what is above",
     "indent it like its neighbours"},
    {"did not find expected node content", "a value is missing here", ""},
    {"control characters are not allowed", "a control character that YAML forbids",
     "is this a text file?"},
    {"invalid leading UTF-8 octet", "this byte is not UTF-8", "save the file as UTF-8"},
    {"invalid trailing UTF-8 octet", "this byte is not UTF-8", "save the file as UTF-8"},
    {"incomplete UTF-8 octet sequence", "this byte is not UTF-8", "save the file as UTF-8"},
    {"invalid length of a UTF-8 sequence", "this byte is not UTF-8", "save the file as UTF-8"},
    {"invalid Unicode character", "this is no Unicode character", "save the file as UTF-8"},
};

class Explainer {
 public:
  Explainer(const SyntaxError& error, const SourceText& source)
      : error_(error), source_(source), text_(source.text()) {}

  Diagnostic Explain() const;

 private:
  Diagnostic Tell(size_t at, std::string message, std::string hint = "") const {
    return {Severity::kError, source_.At(at), std::move(message), std::move(hint)};
  }
  bool Is(std::string_view problem) const { return error_.problem.starts_with(problem); }
  char CharAt(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  size_t LineStart(size_t at) const {
    size_t before = at == 0 ? text_.npos : text_.find_last_of("\r\n", at - 1);
    return before == text_.npos ? 0 : before + 1;
  }
  std::string_view LineOf(size_t at) const {
    size_t start = LineStart(at);
    return text_.substr(start, text_.find_first_of("\r\n", start) - start);
  }
  bool IndentedByTab() const;
  std::string MissingSpaceHint() const;
  Diagnostic ColonNotAllowed() const;
  Diagnostic NoKey() const;
  Diagnostic FlowNotClosed() const;

  const SyntaxError& error_;
  const SourceText& source_;
  std::string_view text_;
};

bool Explainer::IndentedByTab() const {
  std::string_view line = LineOf(error_.at);
  size_t indent = line.find_first_not_of(" \t");
  return line.substr(0, indent).find('\t') != line.npos;
}

// "name:x" on the problem's line or the one above, where a space was forgotten.
std::string Explainer::MissingSpaceHint() const {
  size_t start = LineStart(error_.at);
  size_t above = start == 0 ? 0 : LineStart(start - 1);
  for (size_t at : {above, start}) {
    std::string_view line = Trim(LineOf(at));
    if (line.starts_with("- ")) line = Trim(line.substr(2));
    size_t colon =
        line.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    bool forgotten = colon != line.npos && colon > 0 && line[colon] == ':' &&
                     colon + 1 < line.size() && line[colon + 1] != ' ';
    if (forgotten) {
      return "put a space after the ':' on line " + std::to_string(source_.At(at).line);
    }
  }
  return "";
}

Diagnostic Explainer::ColonNotAllowed() const {
  size_t start = LineStart(error_.at);
  bool second_colon = text_.substr(start, error_.at - start).find(": ") != text_.npos;
  if (second_colon)
    return Tell(error_.at, "a second ': ' on this line", "quote text that contains ': '");
  std::string missing = MissingSpaceHint();
  return Tell(error_.at, "a key cannot stand here",
              missing.empty() ? "indent it like its neighbours; is a ':' missing on the line above?"
                              : missing);
}

// Within a block of keys something came that is not one.
Diagnostic Explainer::NoKey() const {
  size_t start = LineStart(error_.at);
  bool first_on_line = Trim(text_.substr(start, error_.at - start)).empty();
  if (!first_on_line) {
    return Tell(error_.at, "text after the end of a value",
                "quote the whole value, or remove the rest");
  }
  if (CharAt(error_.at) == ':') return Tell(error_.at, "a key is missing before ':'");
  if (!error_.context_at) return Tell(error_.at, "a key is missing here");
  Place block = source_.At(*error_.context_at);
  return Tell(error_.at, "this line does not fit the keys above it",
              "indent it by " + std::to_string(block.column - 1) + " spaces, like line " +
                  std::to_string(block.line));
}

Diagnostic Explainer::FlowNotClosed() const {
  bool list = error_.problem.ends_with("']'");
  if (error_.at > 0 && CharAt(error_.at) == '{' && CharAt(error_.at - 1) == '$') {
    return Tell(error_.at - 1, "${…} within { } or [ ] must be quoted", "write \"${…}\"");
  }
  std::string opened =
      error_.context_at ? " opened on line " + std::to_string(source_.At(*error_.context_at).line)
                        : "";
  return Tell(
      error_.at,
      std::string(list ? "',' or ']' is missing in the list" : "',' or '}' is missing in the map") +
          opened,
      "quote text that contains , [ ] { or }");
}

Diagnostic Explainer::Explain() const {
  bool tab = CharAt(error_.at) == '\t' ||
             error_.problem.find("tab character") != error_.problem.npos || IndentedByTab();
  if (tab) return Tell(error_.at, "a tab indents this line", "YAML is indented by spaces only");
  if (Is("found unexpected end of stream") && error_.context_at) {
    return Tell(*error_.context_at, "the quote that opens here is never closed");
  }
  if (Is("could not find expected ':'")) {
    size_t at = error_.context_at.value_or(error_.at);
    SyntaxError there{.at = at};
    std::string missing = Explainer(there, source_).MissingSpaceHint();
    return Tell(at, "a key without ':'", missing);
  }
  if (Is("did not find expected alphabetic or numeric")) {
    size_t at = error_.context_at.value_or(error_.at);
    std::string sign(1, CharAt(at));
    return Tell(at, "a name is missing after '" + sign + "'",
                "quote text that begins with '" + sign + "'");
  }
  if (Is("mapping values are not allowed")) return ColonNotAllowed();
  if (Is("did not find expected key")) return NoKey();
  if (Is("did not find expected ',' or")) return FlowNotClosed();
  if (Is("found character that cannot start any token")) {
    return Tell(error_.at, std::string("text cannot begin with '") + CharAt(error_.at) + "'",
                "quote it");
  }
  for (const Explanation& each : kExplanations) {
    if (Is(each.problem)) return Tell(error_.at, std::string(each.message), std::string(each.hint));
  }
  std::string words(error_.context);
  if (!words.empty()) words += ": ";
  return Tell(error_.at, "not YAML: " + words + std::string(error_.problem));
}

}  // namespace

ByteIndex::ByteIndex(std::string_view text)
    : start_(text.starts_with("\ufeff") ? 3 : 0), size_(text.size()) {
  bool ascii = std::all_of(text.begin() + ptrdiff_t(start_), text.end(),
                           [](char c) { return (c & 0x80) == 0; });
  if (ascii) return;
  for (size_t at = start_; at < text.size(); ++at) {
    if ((text[at] & 0xC0) != 0x80) bytes_.push_back(at);
  }
}

size_t ByteIndex::Byte(size_t character) const {
  if (bytes_.empty()) return std::min(start_ + character, size_);
  return character < bytes_.size() ? bytes_[character] : size_;
}

Diagnostic ExplainSyntaxError(const SyntaxError& error, const SourceText& source) {
  return Explainer(error, source).Explain();
}

}  // namespace millrace
