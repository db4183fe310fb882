#include "engine/duckdb/errors.h"

#include <nlohmann/json.hpp>

#include <cctype>

#include "base/text.h"
#include "config/json.h"
#include "engine/duckdb/words.h"

namespace millrace::duck {

namespace {

std::string Text(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// "Binder Error: text" of an error that did not come as JSON.
EngineError FromPlainText(std::string_view text) {
  EngineError error;
  size_t colon = text.find(" Error: ");
  if (colon != text.npos && colon < 40 && text.substr(0, colon).find('\n') == text.npos) {
    error.type = text.substr(0, colon);
    text.remove_prefix(colon + 8);
  }
  error.message = text;
  return error;
}

std::string FirstLine(std::string_view text) {
  text = Trim(text);
  std::string line(Trim(text.substr(0, text.find('\n'))));
  while (!line.empty() && (line.back() == '.' || line.back() == '!')) line.pop_back();
  return line;
}

// What stands between the n-th pair of double quotes.
std::string Quoted(std::string_view text, int n = 0) {
  size_t at = 0;
  for (;; --n) {
    size_t begin = text.find('"', at);
    if (begin == text.npos) return "";
    size_t end = text.find('"', begin + 1);
    if (end == text.npos) return "";
    if (n == 0) return std::string(text.substr(begin + 1, end - begin - 1));
    at = end + 1;
  }
}

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

std::vector<std::string> QuotedNames(std::string_view text) {
  std::vector<std::string> names;
  for (int n = 0;; ++n) {
    std::string name = Quoted(text, n);
    if (name.empty()) return names;
    names.push_back(std::move(name));
  }
}

// "No function matches … 'sum(VARCHAR)'" → what the user can act on.
void DescribeCall(const EngineError& error, SqlError& out) {
  out.kind = "type";
  out.candidates.clear();
  if (IsWord(error.name)) {
    out.message = "no function " + error.call;
    for (const std::string& each : error.candidates) {
      if (out.candidates.size() < 4) out.candidates.push_back(each.substr(0, each.find(" ->")));
    }
    if (error.candidates.size() > 4) out.candidates.clear();
    return;
  }
  std::string types(error.call.substr(std::min(error.call.size(), error.name.size())));
  out.message = "operator " + error.name + " does not take " + types;
}

void DescribeMissing(const EngineError& error, SqlError& out) {
  std::string entry = ToLower(error.entry);
  if (Contains(entry, "function") || Contains(entry, "macro")) {
    out.kind = "function";
    out.message = "unknown function '" + error.name + "'";
  } else if (entry == "table" || entry == "view" || entry.empty()) {
    out.kind = "table";
    out.message = "unknown table '" + error.name + "'";
  } else if (entry == "type") {
    out.kind = "type";
    out.message = "unknown type '" + error.name + "'";
  } else {
    out.message = "unknown " + entry + " '" + error.name + "'";
  }
}

// Faults that DuckDB tells without a subtype, by its words.
void DescribeByWords(const EngineError& error, SqlError& out) {
  const std::string& text = error.message;
  if (Contains(text, "does not have a column named")) {
    out.kind = "column";
    out.name = Quoted(text, 1);
    out.message = "unknown column '" + out.name + "' in '" + Quoted(text) + "'";
  } else if (text.starts_with("Referenced table")) {
    out.kind = "table";
    out.name = Quoted(text);
    out.message = "unknown table '" + out.name + "'";
    out.candidates = QuotedNames(text.substr(std::min(text.size(), text.find('\n'))));
  } else if (text.starts_with("Ambiguous reference to column name")) {
    out.kind = "column";
    out.name = Quoted(text);
    out.message = "ambiguous column '" + out.name + "'";
    size_t use = text.find("(use:");
    if (use != text.npos) out.candidates = QuotedNames(std::string_view(text).substr(use));
  } else if (text.starts_with("column ") && Contains(text, "must appear in the GROUP BY")) {
    out.kind = "group";
    out.name = Quoted(text);
    out.message = "column '" + out.name + "' is neither in GROUP BY nor in an aggregate function";
  } else if (Contains(text, " in EXCLUDE list not found") ||
             Contains(text, " in REPLACE list not found")) {
    out.kind = "column";
    out.name = Quoted(text);
    out.message = "unknown column '" + out.name + "'";
  }
}

}  // namespace

EngineError ParseEngineError(std::string_view text) {
  size_t brace = text.find('{');
  if (brace == text.npos) return FromPlainText(text);
  Json json = Json::parse(text.substr(brace), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("exception_message")) return FromPlainText(text);
  EngineError error;
  error.type = Text(json, "exception_type");
  error.subtype = Text(json, "error_subtype");
  error.message = Text(json, "exception_message");
  error.name = Text(json, "name");
  error.entry = Text(json, "type");
  error.call = Text(json, "call");
  std::string position = Text(json, "position");
  if (!position.empty() && position.size() < 10 &&
      std::isdigit(static_cast<unsigned char>(position[0]))) {
    error.position = std::stoul(position);
  }
  std::string candidates = Text(json, "candidates");
  if (!candidates.empty()) {
    // Calls hold commas of their own: "f(A, B) -> C,g(A)".
    int depth = 0;
    std::string one;
    for (char c : candidates) {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c == ',' && depth == 0)
        error.candidates.push_back(std::exchange(one, ""));
      else
        one += c;
    }
    error.candidates.push_back(one);
  }
  return error;
}

Status ToStatus(const EngineError& error) {
  const std::string& type = error.type;
  std::string line = FirstLine(error.message);
  if (type == "Interrupt" || type == "INTERRUPT") return Canceled();
  if (Contains(error.message, "No space left on device") ||
      Contains(error.message, "Disk quota exceeded")) {
    return {Code::kExhausted, line, "free space on the disk, or move the lake or the spill folder"};
  }
  if (type == "Out of Memory") {
    if (Contains(error.message, "max_temp_directory_size")) {
      return {Code::kExhausted, "the spill limit is reached: " + line, "raise engine.spill_limit"};
    }
    return {Code::kExhausted, "out of memory: " + line,
            "raise engine.memory_limit, lower engine.threads, or let fewer tasks run at once"};
  }
  if (type == "IO") {
    if (Contains(error.message, "No such file") || Contains(error.message, "No files found"))
      return NotFound(line);
    if (Contains(error.message, "Permission denied") || Contains(error.message, "Is a directory") ||
        Contains(error.message, "Read-only file system")) {
      return Invalid(line);
    }
    return {Code::kUnavailable, line};
  }
  if (type == "HTTP" && (Contains(line, "(HTTP 400") || Contains(line, "(HTTP 403"))) {
    return Invalid(line, "the keys may be wrong or have expired: `millrace connections test` says");
  }
  if (type == "HTTP" || type == "Connection" || type == "Network")
    return {Code::kUnavailable, line};
  if (type == "INTERNAL" || type == "FATAL" || type == "Internal" || type == "Fatal")
    return Internal(line);
  if (type == "Conversion" || type == "Out of Range" || type == "Divide by Zero" ||
      type == "Constraint") {
    bool cast = type == "Conversion" || Contains(line, "cast");
    return {Code::kRejected, line, cast ? "TRY_CAST gives NULL where a value does not fit" : ""};
  }
  if (type == "Transaction") return {Code::kConflict, line};
  SqlError plain = ToSqlError(error, "");
  return Invalid(plain.message);
}

SqlError ToSqlError(const EngineError& error, std::string_view statement) {
  SqlError out;
  out.offset = error.position;
  if (out.offset && *out.offset > statement.size()) out.offset = statement.size();
  out.name = error.name;
  out.candidates = error.candidates;
  out.message = FirstLine(error.message);
  if (error.type == "Parser") out.kind = "syntax";
  if (error.type == "Conversion" || error.type == "Mismatch Type") out.kind = "type";
  if (error.subtype == "COLUMN_NOT_FOUND") {
    out.kind = "column";
    out.message = "unknown column '" + error.name + "'";
  } else if (error.subtype == "MISSING_ENTRY") {
    DescribeMissing(error, out);
  } else if (error.subtype == "NO_MATCHING_FUNCTION") {
    DescribeCall(error, out);
  } else {
    DescribeByWords(error, out);
  }
  return out;
}

}  // namespace millrace::duck
