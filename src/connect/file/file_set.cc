#include "connect/file/file_set.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "base/hash.h"
#include "base/text.h"

namespace millrace::file {

namespace {

constexpr size_t kHash = 64;  // hex digits of a SHA-256
constexpr size_t kNamed = 256;  // files that a position names itself, at most
// A list that is less than so many times as long as what comes behind it is written anew with it:
// each file is written a few times in all, and there are a few lists.
constexpr size_t kGrowth = 8;
constexpr std::string_view kList = "list ";
constexpr Micros kForgotten = std::chrono::days(7);  // then no run needs an earlier position

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

// "sha256 size path"
Status ParseFile(std::string_view line, FileSet& files) {
  TakenFile file;
  size_t blank = line.find(' ', kHash + 1);
  bool whole = line.size() > kHash && line[kHash] == ' ' && blank != line.npos;
  if (whole) {
    auto [end, error] = std::from_chars(line.data() + kHash + 1, line.data() + blank, file.size);
    whole = error == std::errc() && end == line.data() + blank;
  }
  if (!whole) {
    return Invalid("'" + std::string(line.substr(0, 100)) + "' is not part of a position in files");
  }
  file.sha256 = line.substr(0, kHash);
  files[Unescape(line.substr(blank + 1))] = std::move(file);
  return Status::Ok();
}

template <class Take>
Status EachLine(std::string_view text, Take take) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) TRY(take(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Status::Ok();
}

std::string Lines(const FileSet& files) {
  std::string text;
  for (const auto& [path, file] : files) {
    text += file.sha256 + " " + std::to_string(file.size) + " " + Escape(path) + "\n";
  }
  return text;
}

void PutOver(FileSet& files, const FileSet& newer) {
  for (const auto& [path, file] : newer) files[path] = file;
}

}  // namespace

FilePositions::FilePositions(Storage& lake, const std::string& source, Clock& clock, bool planning)
    : lake_(lake),
      folder_(".positions/" + Sha256Hex(source).substr(0, 16)),
      clock_(clock),
      planning_(planning) {}

Result<FilePositions::Parts> FilePositions::Split(const Position& position) {
  Parts parts;
  TRY(EachLine(position.token, [&](std::string_view line) -> Status {
    if (!line.starts_with(kList)) return ParseFile(line, parts.named);
    List list{.sha256 = std::string(line.substr(kList.size(), kHash))};
    std::string_view count = line.substr(std::min(line.size(), kList.size() + kHash + 1));
    auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), list.count);
    bool is_hash = list.sha256.size() == kHash &&
                   list.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_hash || error != std::errc() || end != count.data() + count.size()) {
      return Invalid("'" + std::string(line.substr(0, 100)) +
                     "' is not part of a position in files");
    }
    parts.lists.push_back(std::move(list));
    return Status::Ok();
  }));
  return parts;
}

Position FilePositions::Join(const Parts& parts) {
  std::string token;
  for (const List& list : parts.lists) {
    token += std::string(kList) + list.sha256 + " " + std::to_string(list.count) + "\n";
  }
  return {token + Lines(parts.named)};
}

Result<std::shared_ptr<const FileSet>> FilePositions::Load(const List& list) {
  if (auto loaded = loaded_.find(list.sha256); loaded != loaded_.end()) return loaded->second;
  std::string path = folder_ + "/" + list.sha256;
  Result<std::string> text = lake_.Read(path);
  bool gone = text.code() == Code::kNotFound || (text.ok() && Sha256Hex(*text) != list.sha256);
  if (gone) {
    return Invalid("the list of files that were taken, " + lake_.Uri(path) + ", is gone or damaged",
                   "bring it back, or read everything again with `--full-refresh`");
  }
  auto files = std::make_shared<FileSet>();
  TRY(EachLine(TRY(std::move(text)),
               [&](std::string_view line) { return ParseFile(line, *files); }));
  return loaded_[list.sha256] = std::move(files);
}

Result<FilePositions::List> FilePositions::Write(FileSet files) {
  std::string text = Lines(files);
  List list{Sha256Hex(text), files.size()};
  if (!planning_) {
    Status put = lake_.PutIfAbsent(folder_ + "/" + list.sha256, text);
    if (put.code() != Code::kConflict) TRY(std::move(put));  // else: the same bytes
  }
  loaded_[list.sha256] = std::make_shared<const FileSet>(std::move(files));
  return list;
}

// Out of what the position names, and of the lists before that are not much longer.
Status FilePositions::MakeList(Parts& parts) {
  FileSet files = std::move(parts.named);
  parts.named.clear();
  while (!parts.lists.empty() && parts.lists.back().count < kGrowth * files.size()) {
    FileSet merged = *TRY(Load(parts.lists.back()));
    PutOver(merged, files);
    files = std::move(merged);
    parts.lists.pop_back();
  }
  parts.lists.push_back(TRY(Write(std::move(files))));
  return Status::Ok();
}

Result<Position> FilePositions::Print(const FileSet& files, const std::optional<Position>& before) {
  Parts parts;
  FileSet known;
  if (before) {
    parts = TRY(Split(*before));
    known = TRY(Parse(*before));
  }
  bool same = true;
  for (const auto& [path, file] : files) {
    auto found = known.find(path);
    if (found != known.end() && found->second == file) continue;
    parts.named[path] = file;
    same = false;
  }
  if (before && same) return *before;
  if (parts.named.size() <= kNamed) return Join(parts);
  std::vector<Parts> needed = {parts};
  TRY(MakeList(parts));
  needed.push_back(parts);
  Sweep(needed);
  return Join(parts);
}

Result<FileSet> FilePositions::Parse(const Position& position) {
  Parts parts = TRY(Split(position));
  FileSet files;
  for (const List& list : parts.lists) PutOver(files, *TRY(Load(list)));
  PutOver(files, parts.named);
  return files;
}

// What is left is found the next time.
void FilePositions::Sweep(const std::vector<Parts>& needed) {
  std::set<std::string> names;
  for (const Parts& parts : needed) {
    for (const List& list : parts.lists) names.insert(list.sha256);
  }
  std::erase_if(loaded_, [&](const auto& each) { return !names.contains(each.first); });
  if (planning_) return;
  Result<std::vector<FileInfo>> there = lake_.List(folder_);
  if (!there.ok()) return;
  for (const FileInfo& file : *there) {
    bool young = file.modified > clock_.Now() - kForgotten;
    if (young || names.contains(file.path.substr(folder_.size() + 1))) continue;
    (void)lake_.Remove(file.path);
  }
}

}  // namespace millrace::file
