#include "connect/rest/record_scanner.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/time.h"

namespace millrace::rest {

namespace {

constexpr size_t kPieceShown = 60;

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool IsStructural(char c) {
  return c == '"' || c == ',' || c == ':' || c == '{' || c == '}' || c == '[' || c == ']';
}

constexpr size_t kBlock = 64;  // bytes that are looked at together

#if defined(__SSE2__)
// A bit for each byte of a block; `fold` makes [ and { one, and ] and }.
uint64_t BitsOf(const char* block, char wanted, char fold = 0) {
  uint64_t bits = 0;
  for (int i = 0; i < 4; ++i) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + i);
    bytes = _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(fold)), _mm_set1_epi8(wanted));
    bits |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(bytes))) << (16 * i);
  }
  return bits;
}
#endif

// Bits from a quote on, up to the one that ends its text.
uint64_t InsideOf(uint64_t quotes) {
  for (int shift = 1; shift < 64; shift *= 2) quotes ^= quotes << shift;
  return quotes;
}

// The text of a member's name, which may have escapes in it.
std::string Unescaped(const std::string& raw) {
  if (raw.find('\\') == raw.npos) return raw;
  Json json = Json::parse("\"" + raw + "\"", nullptr, /*allow_exceptions=*/false);
  return json.is_string() ? json.get<std::string>() : raw;
}

}  // namespace

RecordScanner::RecordScanner(const JsonPath& path, int64_t max_record, OnRecord on_record)
    : path_(path.steps()), max_record_(max_record), on_record_(std::move(on_record)) {}

Status RecordScanner::Wrong(const std::string& what, size_t at, std::string_view piece) const {
  size_t begin = at > kPieceShown / 2 ? at - kPieceShown / 2 : 0;
  std::string shown(piece.substr(begin, kPieceShown));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return Invalid(what + " at byte " + FormatCount(offset_ + static_cast<int64_t>(at)) +
                 ", near: " + CutText(shown, kPieceShown));
}

void RecordScanner::Keep(std::string_view text) {
  if (beside_full_) return;
  if (beside_.size() + text.size() > kMostBeside) {
    beside_full_ = true;
    beside_ = std::string();
    return;
  }
  beside_ += text;
}

Status RecordScanner::Feed(std::string_view piece) {
  size_t at = 0;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  while (at < piece.size() && offset_ + static_cast<int64_t>(at) < 3 &&
         piece[at] == kByteOrderMark[static_cast<size_t>(offset_) + at])
    ++at;
  while (at < piece.size()) {
    TRY(capture_ == Capture::kNone ? Structure(piece, at) : Captured(piece, at));
  }
  offset_ += static_cast<int64_t>(piece.size());
  return Status::Ok();
}

Status RecordScanner::Finish() {
  // A number at the very end of a document has no delimiter behind it.
  if (capture_ == Capture::kScalar && stack_.empty()) {
    static const std::string kBlank(1 + kPadding, ' ');
    size_t at = 0;
    TRY(Captured(std::string_view(kBlank).substr(0, 1), at));
  }
  if (root_done_ && stack_.empty() && capture_ == Capture::kNone) return Status::Ok();
  if (offset_ == 0) return {Code::kUnavailable, "the answer is empty"};
  return {Code::kUnavailable, "the document is cut off: it ends at byte " + FormatCount(offset_) +
                                  ", inside " + std::to_string(std::max<size_t>(1, stack_.size())) +
                                  " open " + (stack_.size() == 1 ? "value" : "values")};
}

int RecordScanner::MatchOfChild() const {
  if (stack_.empty()) return 0;
  const Container& parent = stack_.back();
  if (parent.matched < 0 || parent.matched >= static_cast<int>(path_.size())) return -1;
  const JsonStep& step = path_[static_cast<size_t>(parent.matched)];
  bool fits = parent.object
                  ? step.kind == JsonStep::Kind::kName && step.name == parent.key
                  : step.kind == JsonStep::Kind::kEvery ||
                        (step.kind == JsonStep::Kind::kIndex && step.index == parent.index);
  return fits ? parent.matched + 1 : -1;
}

// One token of what stands around the records.
Status RecordScanner::Structure(std::string_view piece, size_t& at) {
  char c = piece[at];
  bool among_records = !stack_.empty() && stack_.back().records;
  if (reading_text_) return Quote(piece, at);
  if (in_scalar_ && !IsBlank(c) && !IsStructural(c)) {
    Keep({&c, 1});
    ++at;
    return Status::Ok();
  }
  in_scalar_ = false;
  if (IsBlank(c)) {
    if (!among_records) Keep({&c, 1});
    ++at;
    return Status::Ok();
  }
  if (root_done_ && stack_.empty()) return Wrong("there is more behind the document", at, piece);
  bool in_object = !stack_.empty() && stack_.back().object;
  if (c == '"' && in_object && !stack_.back().wants_value) {
    if (stack_.back().after_value) return Wrong("a comma is missing", at, piece);
    reading_text_ = text_is_key_ = true;
    text_.clear();
    Keep("\"");
    ++at;
    return Status::Ok();
  }
  if (c == '}' || c == ']' || c == ',' || c == ':') {
    Status status = c == '}' || c == ']' ? Close(c) : Punctuation(c);
    if (!status.ok()) return Wrong(status.message(), at, piece);
    ++at;
    return Status::Ok();
  }
  if (!stack_.empty() && stack_.back().after_value) return Wrong("a comma is missing", at, piece);
  if (in_object && !stack_.back().wants_value)
    return Wrong("a member's name is missing", at, piece);
  record_at_ = offset_ + static_cast<int64_t>(at);
  TRY(BeginValue(c));
  if (capture_ == Capture::kNone) ++at;
  return Status::Ok();
}

// What begins here: a record, or a part of the structure.
Status RecordScanner::BeginValue(char c) {
  bool nested = c == '{' || c == '[';
  int matched = MatchOfChild();
  bool record = !stack_.empty() && stack_.back().records;
  if (!record && IsLeaf(matched)) {
    found_ = true;
    if (c == '[') {
      Keep("[");
      stack_.push_back({.records = true});
      return Status::Ok();
    }
    record = c != 'n';  // null: there are none
    if (record && !stack_.empty()) Keep("null");
  }
  if (record) {
    capture_ = nested ? Capture::kNested : c == '"' ? Capture::kText : Capture::kScalar;
    depth_ = 0;
    in_text_ = escaped_ = false;
    pending_.clear();
    return Status::Ok();
  }
  Keep({&c, 1});
  if (nested) {
    stack_.push_back({.object = c == '{', .matched = matched});
  } else if (c == '"') {
    reading_text_ = true;
    text_is_key_ = false;
  } else {
    in_scalar_ = true;
    return EndValue();
  }
  return Status::Ok();
}

// The value that began in the container on top is whole.
Status RecordScanner::EndValue() {
  if (stack_.empty()) {
    root_done_ = true;
    return Status::Ok();
  }
  stack_.back().wants_value = false;
  stack_.back().after_value = true;
  return Status::Ok();
}

// The end of the piece when it is not in it.
size_t RecordScanner::ClosingQuote(std::string_view piece, size_t at) {
  for (; at < piece.size(); ++at) {
    if (escaped_) {
      escaped_ = false;
    } else if (piece[at] == '\\') {
      escaped_ = true;
    } else if (piece[at] == '"') {
      break;
    }
  }
  return at;
}

// A text of the structure, up to its end or that of the piece.
Status RecordScanner::Quote(std::string_view piece, size_t& at) {
  size_t begin = at;
  at = ClosingQuote(piece, at);
  std::string_view part = piece.substr(begin, at - begin);
  Keep(part);
  if (text_is_key_ && text_.size() < kMostBeside) text_ += part;
  if (at == piece.size()) return Status::Ok();
  Keep("\"");
  ++at;
  reading_text_ = false;
  if (!text_is_key_) return EndValue();
  stack_.back().key = Unescaped(text_);
  return Status::Ok();
}

Status RecordScanner::Close(char c) {
  if (stack_.empty() || stack_.back().object != (c == '}'))
    return Invalid(std::string("'") + c + "' closes nothing");
  const Container& top = stack_.back();
  if (top.wants_value || (!top.after_value && top.index > 0)) return Invalid("a value is missing");
  Keep({&c, 1});
  stack_.pop_back();
  return EndValue();
}

Status RecordScanner::Punctuation(char c) {
  if (stack_.empty()) return Invalid("a value is missing");
  Container& top = stack_.back();
  if (c == ':') {
    if (!top.object || top.wants_value || top.after_value) return Invalid("':' out of place");
    top.wants_value = true;
    Keep(":");
    return Status::Ok();
  }
  if (!top.after_value) return Invalid("a value is missing");
  top.after_value = false;
  ++top.index;
  if (!top.records) Keep(",");
  return Status::Ok();
}

size_t RecordScanner::EndOfNested(std::string_view piece, size_t at) {
  while (at < piece.size()) {
    size_t end = piece.size() - at < kBlock ? piece.size() : at + kBlock;
    size_t found = end == at + kBlock ? EndInBlock(piece.data() + at) : kBlock + 1;
    if (found < kBlock) return at + found + 1;
    if (found == kBlock) at = end;
    for (; at < end; ++at) {
      char c = piece[at];
      if (escaped_) {
        escaped_ = false;
      } else if (in_text_) {
        escaped_ = c == '\\';
        in_text_ = c != '"';
      } else if (c == '"') {
        in_text_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if ((c == '}' || c == ']') && --depth_ == 0) {
        return at + 1;
      }
    }
  }
  return piece.npos;
}

// Where in a block of 64 bytes the value ends. kBlock: it goes on; more: not known, for there are
// escapes. As simdjson does it (https://arxiv.org/abs/1902.08318, 3.1).
size_t RecordScanner::EndInBlock(const char* block) {
#if defined(__SSE2__)
  if (escaped_ || BitsOf(block, '\\') != 0) return kBlock + 1;
  uint64_t inside = InsideOf(BitsOf(block, '"'));
  if (in_text_) inside = ~inside;
  uint64_t opens = BitsOf(block, '{', 0x20) & ~inside;
  uint64_t closes = BitsOf(block, '}', 0x20) & ~inside;
  in_text_ = inside >> 63 != 0;
  if (std::popcount(closes) < depth_) {
    depth_ += std::popcount(opens) - std::popcount(closes);
    return kBlock;
  }
  for (uint64_t bits = opens | closes; bits != 0; bits &= bits - 1) {
    auto at = static_cast<size_t>(std::countr_zero(bits));
    depth_ += opens >> at & 1 ? 1 : -1;
    if (depth_ == 0) return at;
  }
  return kBlock;
#else
  return kBlock + 1;
#endif
}

// Goes on with a record; tells it when it is whole.
Status RecordScanner::Captured(std::string_view piece, size_t& at) {
  size_t begin = at, end = piece.npos;
  if (capture_ == Capture::kNested) {
    end = EndOfNested(piece, at);
  } else if (capture_ == Capture::kText) {
    if (pending_.empty()) ++at;
    at = ClosingQuote(piece, at);
    if (at < piece.size()) end = ++at;
  } else {
    end = piece.find_first_of(" \t\r\n,]}", at);
  }
  std::string_view part = piece.substr(begin, end == piece.npos ? end : end - begin);
  if (static_cast<int64_t>(pending_.size() + part.size()) > max_record_) {
    return Status(Code::kExhausted,
                  "the record at byte " + FormatCount(record_at_) + " is longer than " +
                      FormatBytes(max_record_),
                  "raise `max_record`, or let `records` lead to smaller ones");
  }
  if (end == piece.npos) {
    pending_ += part;
    at = piece.size();
    return Status::Ok();
  }
  at = end;
  if (!pending_.empty()) {
    pending_ += part;
    pending_.append(kPadding, '\0');
    part = std::string_view(pending_).substr(0, pending_.size() - kPadding);
  }
  if (stack_.empty()) Keep(part);  // the document is the record: it may hold the next address, too
  TRY(on_record_(part, record_at_));
  pending_.clear();
  capture_ = Capture::kNone;
  return EndValue();
}

}  // namespace millrace::rest
