#include "pipeline/sql_text.h"

#include <algorithm>
#include <utility>

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

// Up to a last semicolon after which only blanks and comments come. A comment that is still open at the end
// is closed by a line break.
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
  return Make(node.scalar, [node](size_t offset) { return node.PlaceOf(offset); }, values, diagnostics);
}

SqlText SqlText::File(std::string_view content, const std::string& file, const Values& values,
                      Diagnostics& diagnostics) {
  std::vector<size_t> line_starts = {0};
  for (size_t i = 0; i < content.size(); ++i) {
    if (content[i] == '\n') line_starts.push_back(i + 1);
  }
  auto place_of = [file, line_starts = std::move(line_starts)](size_t offset) {
    auto line = std::upper_bound(line_starts.begin(), line_starts.end(), offset) - 1;
    return Place{file, static_cast<int>(line - line_starts.begin()) + 1, static_cast<int>(offset - *line) + 1};
  };
  return Make(content, place_of, values, diagnostics);
}

SqlText SqlText::Make(std::string_view written, PlaceOfSource place_of, const Values& values,
                      Diagnostics& diagnostics) {
  SqlText sql;
  sql.place_of_source_ = std::make_shared<const PlaceOfSource>(std::move(place_of));
  size_t at = 0;
  while (at < written.size()) {
    size_t dollar = written.find("${", at);
    if (dollar == std::string_view::npos) dollar = written.size();
    bool escaped = dollar < written.size() && dollar > at && written[dollar - 1] == '$';
    if (escaped) --dollar;
    if (dollar > at) sql.pieces_.push_back({std::string(written.substr(at, dollar - at)), at, true, false});
    if (dollar == written.size()) break;
    size_t end = escaped ? dollar + 3 : written.find('}', dollar);
    end = escaped ? end : (end == std::string_view::npos ? written.size() : end + 1);
    sql.pieces_.push_back({std::string(written.substr(dollar, end - dollar)), dollar, false, !escaped});
    if (escaped) sql.pieces_.back().text = "${";
    at = end;
  }
  return sql.Resolve(values, diagnostics);
}

SqlText SqlText::Resolve(const Values& values, Diagnostics& diagnostics) const {
  SqlText sql = *this;
  for (Piece& piece : sql.pieces_) {
    if (!piece.kept) continue;
    auto place_of = [&](size_t) { return (*place_of_source_)(piece.source); };
    std::string replaced = Interpolate(piece.text, values, place_of, diagnostics);
    piece.kept = replaced == piece.text;
    piece.text = std::move(replaced);
  }
  sql.Join();
  return sql;
}

void SqlText::Join() {
  text_.clear();
  for (const Piece& piece : pieces_) text_ += piece.text;
  text_ = OneStatement(text_);
}

Place SqlText::PlaceOf(size_t offset) const {
  if (pieces_.empty()) return {};
  size_t begin = 0;
  for (const Piece& piece : pieces_) {
    if (offset < begin + piece.text.size()) {
      return (*place_of_source_)(piece.literal ? piece.source + (offset - begin) : piece.source);
    }
    begin += piece.text.size();
  }
  const Piece& last = pieces_.back();      // the end of the statement
  return (*place_of_source_)(last.literal && !last.text.empty() ? last.source + last.text.size() - 1 : last.source);
}

}  // namespace millrace
