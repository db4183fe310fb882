#include "decode/json_tokens.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

namespace millrace {

namespace {

constexpr int kDeepest = 256;
constexpr size_t kFirstRoom = 64 << 10;

void AppendUtf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// Four hex digits at the front.
bool TakeHex(std::string_view& rest, uint32_t& out) {
  if (rest.size() < 4) return false;
  out = 0;
  for (size_t i = 0; i < 4; ++i) {
    char c = rest[i];
    uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                            : 16;
    if (digit > 15) return false;
    out = out << 4 | digit;
  }
  rest.remove_prefix(4);
  return true;
}

// What follows \u; two of them for what is beyond U+FFFF.
bool TakeUnicode(std::string_view& rest, std::string& out) {
  uint32_t high = 0, low = 0;
  if (!TakeHex(rest, high)) return false;
  if (high >= 0xd800 && high < 0xdc00) {
    if (!rest.starts_with("\\u")) return false;
    rest.remove_prefix(2);
    if (!TakeHex(rest, low) || low < 0xdc00 || low > 0xdfff) return false;
    high = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
  } else if (high >= 0xdc00 && high < 0xe000) {
    return false;
  }
  AppendUtf8(out, high);
  return true;
}

bool Unescape(std::string_view rest, std::string& out) {
  out.clear();
  for (size_t at; (at = rest.find('\\')) != rest.npos;) {
    out += rest.substr(0, at);
    if (at + 1 >= rest.size()) return false;
    char c = rest[at + 1];
    rest.remove_prefix(at + 2);
    switch (c) {
      case '"':
      case '\\':
      case '/': out += c; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u':
        if (!TakeUnicode(rest, out)) return false;
        break;
      default: return false;
    }
  }
  out += rest;
  return true;
}

}  // namespace

bool IsJsonNumber(std::string_view token) {
  const char* at = token.data();
  const char* end = at + token.size();
  auto digits = [&] {
    const char* begin = at;
    while (at < end && *at >= '0' && *at <= '9') ++at;
    return at > begin;
  };
  if (at < end && *at == '-') ++at;
  bool zero = at < end && *at == '0';
  if (zero) ++at;
  if (!zero && !digits()) return false;
  if (at < end && *at == '.' && (++at, !digits())) return false;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return false;
  }
  return at == end;
}

struct JsonTokens::Stage {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonTokens::JsonTokens() : stage_(std::make_unique<Stage>()) {}
JsonTokens::~JsonTokens() = default;

bool JsonTokens::Begin(std::string_view text) {
  at_ = count_ = 0;
  size_t room = text.size() + simdjson::SIMDJSON_PADDING;
  if (padded_.size() < room) {
    padded_.resize(std::max(2 * room, kFirstRoom));
    auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        padded_.size(), 1, stage_->parser);
    what_ = "there is no memory to read it";
    if (error != simdjson::SUCCESS) return false;
  }
  if (!text.empty()) std::memcpy(padded_.data(), text.data(), text.size());
  std::memset(padded_.data() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
  auto error = stage_->parser->stage1(reinterpret_cast<const uint8_t*>(padded_.data()), text.size(),
                                      simdjson::stage1_mode::regular);
  what_ = error == simdjson::UTF8_ERROR ? "it is not UTF-8"
          : error == simdjson::EMPTY    ? "it is empty"
                                        : "it is not valid JSON";
  if (error != simdjson::SUCCESS) return false;
  text_ = padded_.data();
  index_ = stage_->parser->structural_indexes.get();
  count_ = stage_->parser->n_structural_indexes;
  return true;
}

bool JsonTokens::Text(std::string_view token, std::string& room, std::string_view& text) {
  if (token.size() < 2 || token[0] != '"' || token.back() != '"') return false;
  text = token.substr(1, token.size() - 2);
  if (text.find('\\') == text.npos) return true;
  if (!Unescape(text, room)) return false;
  text = room;
  return true;
}

bool JsonTokens::Skip(int depth) {
  if (depth > kDeepest) return false;
  std::string_view text;
  switch (Peek()) {
    case '\0':
    case '}':
    case ']':
    case ',':
    case ':': return false;
    case '{':
      ++at_;
      if (Take('}')) return true;
      do {
        if (Peek() != '"' || !Text(Next(), room_, text) || !Take(':') || !Skip(depth + 1))
          return false;
      } while (Take(','));
      return Take('}');
    case '[':
      ++at_;
      if (Take(']')) return true;
      do {
        if (!Skip(depth + 1)) return false;
      } while (Take(','));
      return Take(']');
    case '"': return Text(Next(), room_, text);
    default: {
      std::string_view token = Next();
      return token == "null" || token == "true" || token == "false" || IsJsonNumber(token);
    }
  }
}

bool JsonTokens::IsWhole() { return Skip() && AtEnd(); }

}  // namespace millrace
