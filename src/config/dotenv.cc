#include <algorithm>

#include "base/text.h"
#include "config/scalar_origin.h"
#include "config/values.h"

namespace millrace {

namespace {

class DotEnv {
 public:
  DotEnv(std::string_view text, std::string_view file, Diagnostics& diagnostics)
      : source_(std::string(file), std::string(text)),
        text_(source_.text()),
        diagnostics_(diagnostics) {}

  std::map<std::string, std::string> Parse();

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool AtLineEnd() const { return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r'; }
  void SkipBlanks() {
    while (Peek() == ' ' || Peek() == '\t') ++at_;
  }
  void SkipLine() { at_ = std::min(text_.find_first_of("\r\n", at_), text_.size()); }
  bool Fail(size_t at, std::string message, std::string hint = "") {
    diagnostics_.Error(source_.At(at), std::move(message), std::move(hint));
    return false;
  }
  bool Line(std::string& name, std::string& value);
  bool Quoted(std::string& value);
  std::string Plain();

  SourceText source_;
  std::string_view text_;
  Diagnostics& diagnostics_;
  size_t at_ = 0;
};

std::map<std::string, std::string> DotEnv::Parse() {
  std::map<std::string, std::string> values;
  if (text_.starts_with("\ufeff")) at_ = 3;
  while (at_ < text_.size()) {
    SkipBlanks();
    if (Peek() == '#') SkipLine();
    if (AtLineEnd()) {
      ++at_;
      continue;
    }
    std::string name, value;
    if (Line(name, value)) {
      values[name] = std::move(value);  // as in a shell the last one counts
    } else {
      SkipLine();
    }
  }
  return values;
}

// NAME=VALUE up to the end of its line. A message never shows a value: it may be a password.
bool DotEnv::Line(std::string& name, std::string& value) {
  constexpr std::string_view kExport = "export ";
  if (text_.substr(at_).starts_with(kExport)) {
    at_ += kExport.size();
    SkipBlanks();
  }
  size_t begin = at_;
  while (IsNameByte(Peek())) ++at_;
  name = text_.substr(begin, at_ - begin);
  if (!IsName(name)) {
    return Fail(begin, "a name is missing", "write NAME=VALUE, or # before a comment");
  }
  SkipBlanks();
  if (Peek() != '=') return Fail(at_, "'=' is missing after '" + name + "'", "write NAME=VALUE");
  ++at_;
  SkipBlanks();
  if (Peek() != '"' && Peek() != '\'') {
    value = Plain();
    return true;
  }
  if (!Quoted(value)) return false;
  SkipBlanks();
  if (Peek() == '#') SkipLine();
  if (!AtLineEnd()) {
    return Fail(at_, "text after the closing quote of '" + name + "'",
                "put all of it into the quotes");
  }
  return true;
}

// Up to the end of the line or " #".
std::string DotEnv::Plain() {
  size_t begin = at_;
  while (!AtLineEnd()) {
    bool comment =
        Peek() == '#' && (at_ == begin || text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t');
    if (comment) break;
    ++at_;
  }
  std::string value(Trim(text_.substr(begin, at_ - begin)));
  SkipLine();
  return value;
}

// '…' as it is; "…" with \n \r \t \" \\ \$. Both may go over several lines.
bool DotEnv::Quoted(std::string& value) {
  size_t begin = at_;
  char quote = Peek();
  constexpr std::string_view kFrom = "nrt\"\\$", kTo = "\n\r\t\"\\$";
  for (++at_; at_ < text_.size(); ++at_) {
    if (Peek() == quote) {
      ++at_;
      return true;
    }
    size_t escape = quote == '"' && Peek() == '\\' && at_ + 1 < text_.size()
                        ? kFrom.find(text_[at_ + 1])
                        : kFrom.npos;
    if (escape != kFrom.npos) ++at_;
    value += escape == kFrom.npos ? Peek() : kTo[escape];
  }
  at_ = begin;  // what follows may be in order
  return Fail(begin, "the quote that opens here is never closed");
}

}  // namespace

std::map<std::string, std::string> ParseDotEnv(std::string_view text, std::string_view file,
                                               Diagnostics& diagnostics) {
  return DotEnv(text, file, diagnostics).Parse();
}

}  // namespace millrace
