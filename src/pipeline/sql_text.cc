#include "pipeline/sql_text.h"

namespace millrace {
namespace {

// The byte after the quoted text or comment that begins at `at`, or `at` when none begins there.
size_t SkipQuotedOrComment(std::string_view sql, size_t at) {
  auto after = [&](std::string_view end, size_t from) {
    size_t found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  if (sql[at] == '\'' || sql[at] == '"') return after(sql.substr(at, 1), at + 1);
  if (sql.substr(at, 2) == "--") return after("\n", at);
  if (sql.substr(at, 2) == "/*") return after("*/", at + 2);
  if (sql.substr(at, 2) == "$$") return after("$$", at + 2);
  return at;
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Up to a last semicolon after which only blanks and comments come. A comment that is still open at
// the end is closed by a line break.
std::string OneStatement(const std::string& sql) {
  size_t semicolon = std::string::npos;
  bool open_comment = false, any = false;
  for (size_t at = 0; at < sql.size();) {
    size_t next = SkipQuotedOrComment(sql, at);
    if (next != at) {
      bool comment = sql[at] == '-' || sql[at] == '/';
      open_comment = sql[at] == '-' && sql[next - 1] != '\n';
      if (!comment) {
        semicolon = std::string::npos;
        any = true;
      }
      at = next;
      continue;
    }
    if (sql[at] == ';') {
      if (semicolon == std::string::npos) semicolon = at;
    } else if (!IsBlank(sql[at])) {
      semicolon = std::string::npos;
      any = true;
    }
    ++at;
  }
  if (!any) return "";
  if (semicolon != std::string::npos) return sql.substr(0, semicolon);
  return open_comment ? sql + "\n" : sql;
}

}  // namespace

SqlText SqlText::Inline(const YamlNode& node, const Values& values, Diagnostics& diagnostics) {
  SqlText sql;
  sql.node_ = node;
  return sql.Resolve(values, diagnostics);
}

SqlText SqlText::File(std::string_view content, const std::string& file, const Values& values,
                      Diagnostics& diagnostics) {
  return Inline(TextNode(content, file), values, diagnostics);
}

SqlText SqlText::Resolve(const Values& values, Diagnostics& diagnostics) const {
  SqlText sql;
  sql.node_ = Interpolate(node_, values, diagnostics);
  sql.text_ = OneStatement(sql.node_.scalar);
  return sql;
}

}  // namespace millrace
