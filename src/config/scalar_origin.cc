#include "config/scalar_origin.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace millrace {

namespace {

// A line break: its length in the text, 0 when there is none, and what it reads as.
struct Break {
  size_t length = 0;
  std::string_view reads = {};
  size_t at = 0;
  size_t end() const { return at + length; }
};

Break BreakAt(std::string_view text, size_t at) {
  std::string_view rest = text.substr(std::min(at, text.size()), 3);
  if (rest.starts_with("\r\n")) return {2, "\n", at};
  if (rest.starts_with("\n") || rest.starts_with("\r")) return {1, "\n", at};
  if (rest.starts_with("\u0085")) return {2, "\n", at};
  if (rest.starts_with("\u2028") || rest.starts_with("\u2029")) return {3, rest, at};
  return {};
}

// Reads a scalar's source again, keeping for each byte where it came from, and stops when it has as
// many bytes as the scalar has.
class Mapper {
 public:
  Mapper(std::string_view text, size_t begin, std::string_view scalar)
      : text_(text), at_(begin), scalar_(scalar) {}

  std::optional<std::vector<size_t>> Flow(ScalarStyle style);
  std::optional<std::vector<size_t>> Block(bool literal);

 private:
  bool Full() const { return read_.size() >= scalar_.size(); }
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool IsBlank() const { return Peek() == ' ' || Peek() == '\t'; }
  void Emit(std::string_view bytes, size_t from) {
    read_ += bytes;
    from_.insert(from_.end(), bytes.size(), from);
  }
  void Copy() {
    Emit(text_.substr(at_, 1), at_);
    ++at_;
  }

  void FoldFlow(bool escaped_break);
  bool Escape(bool& escaped_break);
  bool BlockBody(bool literal, size_t indent);
  size_t BlockHeader();
  std::vector<Break> BlockBreaks(size_t& indent);
  std::optional<std::vector<size_t>> Finish(size_t end);

  std::string_view text_;
  size_t at_;
  std::string_view scalar_;
  size_t column_ = 0;  // block scalars: spaces since the line's start
  size_t end_ = 0;     // block scalars: after what was read
  std::string read_;
  std::vector<size_t> from_;
};

std::optional<std::vector<size_t>> Mapper::Finish(size_t end) {
  if (!std::string_view(read_).starts_with(scalar_)) return std::nullopt;
  if (from_.size() > scalar_.size()) end = from_[scalar_.size()];
  from_.resize(scalar_.size());
  from_.push_back(std::min(end, text_.size()));
  return std::move(from_);
}

// Blanks and breaks between the words of a plain or quoted scalar: a single break reads as a space.
void Mapper::FoldFlow(bool escaped_break) {
  std::vector<std::pair<std::string_view, size_t>> blanks;
  std::vector<Break> breaks;
  bool folded = escaped_break;
  while (true) {
    if (IsBlank()) {
      if (!folded) blanks.emplace_back(text_.substr(at_, 1), at_);
      ++at_;
      continue;
    }
    Break next = BreakAt(text_, at_);
    if (next.length == 0) break;
    folded = true;
    breaks.push_back(next);
    at_ = next.end();
  }
  if (!folded) {
    for (const auto& [bytes, from] : blanks) Emit(bytes, from);
    return;
  }
  bool joins = !escaped_break && !breaks.empty() && breaks[0].reads == "\n";
  if (joins && breaks.size() == 1) Emit(" ", breaks[0].at);
  for (size_t i = joins ? 1 : 0; i < breaks.size(); ++i) Emit(breaks[i].reads, breaks[i].at);
}

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += char(code);
  } else if (code < 0x800) {
    out += char(0xC0 | (code >> 6));
    out += char(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += char(0xE0 | (code >> 12));
    out += char(0x80 | ((code >> 6) & 0x3F));
    out += char(0x80 | (code & 0x3F));
  } else {
    out += char(0xF0 | (code >> 18));
    out += char(0x80 | ((code >> 12) & 0x3F));
    out += char(0x80 | ((code >> 6) & 0x3F));
    out += char(0x80 | (code & 0x3F));
  }
}

// A backslash in a double-quoted scalar.
bool Mapper::Escape(bool& escaped_break) {
  size_t from = at_++;
  if (Break next = BreakAt(text_, at_); next.length > 0) {
    at_ += next.length;
    escaped_break = true;
    return true;
  }
  char kind = Peek();
  ++at_;
  constexpr std::string_view kFrom = "abtnvfre \"/\\\t", kTo = "\a\b\t\n\v\f\r\x1b \"/\\\t";
  if (size_t simple = kFrom.find(kind); simple != kFrom.npos && kind != '\0') {
    Emit(kTo.substr(simple, 1), from);
    return true;
  }
  std::string bytes;
  switch (kind) {
    case '0': bytes.assign(1, '\0'); break;
    case 'N': bytes = "\u0085"; break;
    case '_': bytes = "\u00a0"; break;
    case 'L': bytes = "\u2028"; break;
    case 'P': bytes = "\u2029"; break;
    case 'x':
    case 'u':
    case 'U': {
      size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
      std::string_view hex = text_.substr(std::min(at_, text_.size()), digits);
      uint32_t code = 0;
      auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
      if (error != std::errc() || end != hex.data() + digits) return false;
      AppendUtf8(code, bytes);
      at_ += digits;
      break;
    }
    default: return false;
  }
  Emit(bytes, from);
  return true;
}

std::optional<std::vector<size_t>> Mapper::Flow(ScalarStyle style) {
  if (style != ScalarStyle::kPlain) ++at_;
  bool escaped_break = false;
  while (!Full() && at_ < text_.size()) {
    if (escaped_break || IsBlank() || BreakAt(text_, at_).length > 0) {
      FoldFlow(escaped_break);
      escaped_break = false;
    } else if (style == ScalarStyle::kSingleQuoted && Peek() == '\'') {
      if (Peek(1) != '\'') break;
      Copy();
      ++at_;
    } else if (style == ScalarStyle::kDoubleQuoted && Peek() == '"') {
      break;
    } else if (style == ScalarStyle::kDoubleQuoted && Peek() == '\\') {
      if (!Escape(escaped_break)) return std::nullopt;
    } else {
      Copy();
    }
  }
  return Finish(at_);
}

// "|2-  # comment": the explicit indentation, or 0. Leaves the cursor at the next line.
size_t Mapper::BlockHeader() {
  size_t explicit_indent = 0;
  for (++at_; at_ < text_.size() && BreakAt(text_, at_).length == 0; ++at_) {
    if (Peek() == '#') break;
    if (Peek() >= '1' && Peek() <= '9') explicit_indent = size_t(Peek() - '0');
  }
  while (at_ < text_.size() && BreakAt(text_, at_).length == 0) ++at_;
  at_ += BreakAt(text_, at_).length;
  return explicit_indent;
}

// Eats indentation and empty lines; an indent of 0 becomes what the deepest of these lines has.
std::vector<Break> Mapper::BlockBreaks(size_t& indent) {
  std::vector<Break> breaks;
  size_t deepest = 0;
  column_ = 0;
  while (true) {
    while ((indent == 0 || column_ < indent) && Peek() == ' ') ++at_, ++column_;
    deepest = std::max(deepest, column_);
    Break next = BreakAt(text_, at_);
    if (next.length == 0) break;
    breaks.push_back(next);
    at_ = next.end();
    column_ = 0;
  }
  if (indent == 0) indent = std::max<size_t>(deepest, 1);
  return breaks;
}

bool Mapper::BlockBody(bool literal, size_t indent) {
  Break line_break;
  bool was_blank = false;
  std::vector<Break> breaks = BlockBreaks(indent);
  end_ = at_;
  while (column_ == indent && at_ < text_.size() && !Full()) {
    bool folds = !literal && line_break.reads == "\n" && !was_blank && !IsBlank();
    if (!folds) Emit(line_break.reads, line_break.at);
    if (folds && breaks.empty()) Emit(" ", line_break.at);
    for (const Break& each : breaks) Emit(each.reads, each.at);
    was_blank = IsBlank();
    while (at_ < text_.size() && BreakAt(text_, at_).length == 0) Copy();
    end_ = at_;
    line_break = BreakAt(text_, at_);
    at_ += line_break.length;
    breaks = BlockBreaks(indent);
  }
  // What is clipped, chopped off or kept at the end is known from the scalar itself.
  breaks.insert(breaks.begin(), line_break);
  for (const Break& each : breaks) {
    if (Full() || each.length == 0) continue;
    Emit(each.reads, each.at);
    end_ = each.end();
  }
  return std::string_view(read_).starts_with(scalar_);
}

std::optional<std::vector<size_t>> Mapper::Block(bool literal) {
  size_t explicit_indent = BlockHeader();
  size_t body = at_;
  // An explicit indentation is relative to a parent that is not known here: the one that gives the
  // scalar.
  constexpr size_t kDeepest = 64 * 9;
  size_t last = explicit_indent == 0 ? 0 : explicit_indent + kDeepest;
  for (size_t indent = explicit_indent; indent <= last; ++indent) {
    at_ = body;
    read_.clear();
    from_.clear();
    if (BlockBody(literal, indent)) return Finish(end_);
  }
  return std::nullopt;
}

}  // namespace

SourceText::SourceText(std::string file, std::string text)
    : file_(std::move(file)), text_(std::move(text)), line_starts_{0} {
  for (size_t at = 0; at < text_.size(); ++at) {
    bool crlf = text_[at] == '\r' && at + 1 < text_.size() && text_[at + 1] == '\n';
    if (text_[at] == '\n' || (text_[at] == '\r' && !crlf)) line_starts_.push_back(at + 1);
  }
}

Place SourceText::At(size_t byte) const {
  auto next =
      std::upper_bound(line_starts_.begin(), line_starts_.end(), std::min(byte, text_.size()));
  size_t line = size_t(next - line_starts_.begin());
  size_t start = line_starts_[line - 1];
  // The first line's byte order mark is not a column that an editor shows.
  if (line == 1 && text_.starts_with("\ufeff"))
    start = std::min<size_t>(3, std::min(byte, text_.size()));
  return {file_, int(line), int(std::min(byte, text_.size()) - start) + 1};
}

namespace {

// The piece that covers `offset`: the first one for what comes before all of them.
std::vector<Piece>::const_iterator Covering(const std::vector<Piece>& pieces, size_t offset) {
  auto next = std::upper_bound(pieces.begin(), pieces.end(), offset,
                               [](size_t at, const Piece& piece) { return at < piece.at; });
  return next == pieces.begin() ? next : next - 1;
}

}  // namespace

size_t MapBack(const std::vector<Piece>& pieces, size_t offset) {
  auto piece = Covering(pieces, offset);
  if (piece == pieces.end()) return offset;
  return piece->from + (piece->replaced || offset < piece->at ? 0 : offset - piece->at);
}

std::vector<Piece> ComposePieces(const std::vector<Piece>& first,
                                 const std::vector<Piece>& second) {
  std::vector<Piece> both;
  for (size_t i = 0; i < second.size(); ++i) {
    const Piece& piece = second[i];
    auto covering = Covering(first, piece.from);
    bool in_value = covering != first.end() && covering->replaced;
    both.push_back({piece.at, MapBack(first, piece.from), piece.replaced || in_value});
    if (piece.replaced || covering == first.end()) continue;
    // The old text changes its way back within this piece of the new one.
    size_t length = i + 1 < second.size() ? second[i + 1].at - piece.at : std::string::npos;
    for (auto next = covering + 1; next != first.end() && next->at - piece.from < length; ++next) {
      both.push_back({piece.at + (next->at - piece.from), next->from, next->replaced});
    }
  }
  return both;
}

size_t SkipProperties(std::string_view text, size_t at, size_t end) {
  auto is_name = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
  };
  while (at < end) {
    Break line_break = BreakAt(text, at);
    if (line_break.length > 0) {
      at = line_break.end();
      if (text.substr(at).starts_with("\ufeff")) at += 3;  // libyaml lets it start any line
    } else if (text[at] == ' ' || text[at] == '\t') {
      ++at;
    } else if (text[at] == '#') {
      while (at < end && BreakAt(text, at).length == 0) ++at;
    } else if (text[at] == '&') {
      for (++at; at < end && is_name(text[at]);) ++at;
    } else if (text[at] == '!') {
      while (at < end && text[at] != ' ' && text[at] != '\t' && text[at] != ',' &&
             BreakAt(text, at).length == 0) {
        ++at;
      }
    } else {
      break;
    }
  }
  return std::min(at, end);
}

std::optional<std::vector<size_t>> MapScalar(std::string_view text, size_t begin, ScalarStyle style,
                                             std::string_view scalar) {
  Mapper mapper(text, begin, scalar);
  switch (style) {
    case ScalarStyle::kLiteral: return mapper.Block(true);
    case ScalarStyle::kFolded: return mapper.Block(false);
    case ScalarStyle::kVerbatim: {
      std::vector<size_t> from(scalar.size() + 1);
      for (size_t i = 0; i < from.size(); ++i) from[i] = begin + i;
      return from;
    }
    case ScalarStyle::kPlain:
    case ScalarStyle::kSingleQuoted:
    case ScalarStyle::kDoubleQuoted: return mapper.Flow(style);
  }
  return std::nullopt;
}

}  // namespace millrace
