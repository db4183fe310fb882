#include "engine/duckdb/words.h"

#include <algorithm>
#include <cctype>

namespace millrace::duck {

namespace {

bool IsWordByte(char c) {
  unsigned char byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) || c == '_' || byte >= 0x80;
}

bool IsBlank(char c) { return std::isspace(static_cast<unsigned char>(c)); }

size_t After(std::string_view sql, std::string_view what, size_t from) {
  size_t found = sql.find(what, from);
  return found == sql.npos ? sql.size() : found + what.size();
}

// Strings and names: a doubled quote stays inside.
size_t QuoteEnd(std::string_view sql, size_t at) {
  char quote = sql[at++];
  for (; at < sql.size(); ++at) {
    if (sql[at] != quote) continue;
    if (at + 1 >= sql.size() || sql[at + 1] != quote) return at + 1;
    ++at;
  }
  return sql.size();
}

// $$ … $$ and $tag$ … $tag$; a lone $ is one byte.
size_t DollarEnd(std::string_view sql, size_t at) {
  size_t end = at + 1;
  while (end < sql.size() && IsWordByte(sql[end])) ++end;
  if (end >= sql.size() || sql[end] != '$') return at + 1;
  return After(sql, sql.substr(at, end + 1 - at), end + 1);
}

size_t BlockCommentEnd(std::string_view sql, size_t at) {
  int depth = 1;
  for (at += 2; at < sql.size() && depth > 0;) {
    if (sql.substr(at, 2) == "/*") {
      ++depth;
      at += 2;
    } else if (sql.substr(at, 2) == "*/") {
      --depth;
      at += 2;
    } else
      ++at;
  }
  return at;
}

}  // namespace

bool IsWord(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsWordByte(c) || c == '$'; });
}

size_t TokenEnd(std::string_view sql, size_t at) {
  char c = sql[at];
  if (c == '\'' || c == '"') return QuoteEnd(sql, at);
  if (c == '$') return DollarEnd(sql, at);
  if (sql.substr(at, 2) == "--") return std::min(sql.size(), sql.find('\n', at));
  if (sql.substr(at, 2) == "/*") return BlockCommentEnd(sql, at);
  if (!IsWordByte(c)) return at + 1;
  size_t end = at;
  while (end < sql.size() && (IsWordByte(sql[end]) || sql[end] == '$')) ++end;
  return end;
}

bool IsBlankToken(std::string_view token) {
  return token.empty() || IsBlank(token[0]) || token.starts_with("--") || token.starts_with("/*");
}

size_t NameEnd(std::string_view sql, size_t at) {
  size_t end = at;
  while (end < sql.size()) {
    bool name = sql[end] == '"' || IsWordByte(sql[end]);
    if (!name) break;
    end = TokenEnd(sql, end);
    if (end >= sql.size() || sql[end] != '.') break;
    ++end;
  }
  return end;
}

size_t ArgumentsEnd(std::string_view sql, size_t name_end) {
  size_t at = name_end;
  while (at < sql.size() && IsBlank(sql[at])) ++at;
  if (at >= sql.size() || sql[at] != '(') return std::string_view::npos;
  int depth = 0;
  while (at < sql.size()) {
    if (sql[at] == '(') ++depth;
    if (sql[at] == ')' && --depth == 0) return at + 1;
    at = TokenEnd(sql, at);
  }
  return std::string_view::npos;
}

std::string_view TrimStatement(std::string_view sql) {
  size_t end = 0;
  for (size_t at = 0; at < sql.size();) {
    size_t next = TokenEnd(sql, at);
    std::string_view token = sql.substr(at, next - at);
    if (!IsBlankToken(token) && token != ";") end = next;
    at = next;
  }
  return sql.substr(0, end);
}

}  // namespace millrace::duck
