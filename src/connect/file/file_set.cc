#include "connect/file/file_set.h"

#include <charconv>

#include "base/text.h"

namespace millrace::file {

namespace {

constexpr size_t kHash = 64;  // hex digits of a SHA-256

// A path is any bytes; in a line it must not have a line end.
std::string Escape(const std::string& path) {
  std::string out;
  for (char c : path) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size())
      out += text[i];
    else
      out += text[++i] == 'n' ? '\n' : text[i];
  }
  return out;
}

}  // namespace

// A line a file, "sha256 size path": it is kept with each commit, and a folder may have many files.
Position ToPosition(const FileSet& files) {
  std::string token;
  for (const auto& [path, file] : files) {
    token += file.sha256 + " " + std::to_string(file.size) + " " + Escape(path) + "\n";
  }
  return {std::move(token)};
}

Result<FileSet> ParseFileSet(const Position& position) {
  FileSet files;
  for (const std::string& line : Split(position.token, '\n')) {
    if (line.empty()) continue;
    TakenFile file;
    size_t blank = line.find(' ', kHash + 1);
    bool whole = line.size() > kHash && line[kHash] == ' ' && blank != line.npos;
    if (whole) {
      auto [end, error] = std::from_chars(line.data() + kHash + 1, line.data() + blank, file.size);
      whole = error == std::errc() && end == line.data() + blank;
    }
    if (!whole) return Invalid("'" + line.substr(0, 100) + "' is not part of a position in files");
    file.sha256 = line.substr(0, kHash);
    files[Unescape(line.substr(blank + 1))] = std::move(file);
  }
  return files;
}

}  // namespace millrace::file
