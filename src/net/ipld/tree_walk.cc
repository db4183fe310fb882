#include "net/ipld/tree_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

namespace millrace::ipld {

namespace {

constexpr size_t kMaxDepth = 256;  // folders in each other

std::string LastName(const std::string& path) {
  std::error_code error;
  std::filesystem::path whole = std::filesystem::absolute(path, error).lexically_normal();
  std::string name = whole.filename().string();
  return name.empty() ? whole.parent_path().filename().string() : name;
}

}  // namespace

Result<TreeWalk::Entry> TreeWalk::Look(const std::string& path, std::string name) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return FromErrno("cannot read " + path, errno);
  if (S_ISDIR(info.st_mode)) return Entry{std::move(name), path, 0, true};
  if (S_ISREG(info.st_mode)) return Entry{std::move(name), path, info.st_size, false};
  return Invalid(path + " is neither a file nor a folder");
}

// By path: what is in the folder "a" stands where "a/" does.
void TreeWalk::Sort(std::vector<Entry>& entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    size_t common = std::min(a.name.size(), b.name.size());
    int order = a.name.compare(0, common, b.name, 0, common);
    if (order != 0) return order < 0;
    auto at = [&](const Entry& entry) {
      if (entry.name.size() > common)
        return static_cast<int>(static_cast<uint8_t>(entry.name[common]));
      return entry.folder ? int{'/'} : -1;
    };
    return at(a) < at(b);
  });
}

Result<std::vector<TreeWalk::Entry>> TreeWalk::List(const std::string& path) const {
  std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
  if (!folder) return FromErrno("cannot read " + path, errno);
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    dirent* each = readdir(folder.get());
    if (!each) break;
    std::string name = each->d_name;
    if (name == "." || name == ".." || (name[0] == '.' && !options_.hidden)) continue;
    struct stat info;
    auto what = [&] { return path + "/" + name; };
    if (fstatat(dirfd(folder.get()), name.c_str(), &info, 0) != 0)
      return FromErrno("cannot read " + what(), errno);
    bool is_folder = S_ISDIR(info.st_mode);
    if (!is_folder && !S_ISREG(info.st_mode))
      return Invalid(what() + " is neither a file nor a folder", "move it elsewhere");
    if (is_folder && each->d_type == DT_LNK)
      return Invalid(what() + " is a link to a folder", "name that folder, or remove the link");
    entries.push_back({std::move(name), "", is_folder ? 0 : info.st_size, is_folder});
  }
  if (errno != 0) return FromErrno("cannot read " + path, errno);
  Sort(entries);
  return entries;
}

// The file of a folder that holds one alone.
Result<std::optional<TreeWalk::Entry>> TreeWalk::OnlyFile(const std::string& path,
                                                          int depth) const {
  std::optional<Entry> only;
  if (depth == static_cast<int>(kMaxDepth)) return only;
  for (Entry& entry : TRY(List(path))) {
    std::string below = path + "/" + entry.name;
    std::optional<Entry> found;
    if (entry.folder) {
      found = TRY(OnlyFile(below, depth + 1));
      // Anything but nothing at all means that there are more.
      if (!found) return std::optional<Entry>();
    } else {
      entry.path = below;
      found = std::move(entry);
    }
    if (only) return std::optional<Entry>();
    only = std::move(found);
  }
  return only;
}

Result<TreeWalk> TreeWalk::Open(const std::vector<std::string>& paths, WalkOptions options) {
  TreeWalk walk;
  walk.options_ = options;
  if (paths.empty()) return Invalid("name a file or a folder");
  std::vector<Entry> entries;
  for (const std::string& path : paths) entries.push_back(TRY(Look(path, LastName(path))));
  if (entries.size() == 1 && entries[0].folder) {
    if (!options.wrap) walk.bare_ = TRY(walk.OnlyFile(entries[0].path, 0));
    std::vector<Entry> inside = TRY(walk.List(entries[0].path));
    walk.levels_.push_back({"", entries[0].path, std::move(inside)});
  } else {
    if (entries.size() == 1 && !options.wrap) walk.bare_ = entries[0];
    Sort(entries);
    walk.levels_.push_back({"", "", std::move(entries)});
  }
  if (walk.bare_) walk.levels_.clear();
  return walk;
}

Result<std::optional<WalkStep>> TreeWalk::Next() {
  if (bare_) {
    WalkStep step{WalkStep::kFile, bare_->name, bare_->path, bare_->size};
    bare_.reset();
    return std::optional(step);
  }
  if (levels_.empty()) return std::optional<WalkStep>();
  if (!entered_) {
    entered_ = true;
    return std::optional(WalkStep{WalkStep::kEnter});
  }
  Level& level = levels_.back();
  if (level.next == level.entries.size()) {
    WalkStep step{WalkStep::kLeave, level.name};
    levels_.pop_back();
    return std::optional(step);
  }
  Entry& entry = level.entries[level.next++];
  std::string path = entry.path.empty() ? level.path + "/" + entry.name : entry.path;
  if (!entry.folder)
    return std::optional(WalkStep{WalkStep::kFile, entry.name, std::move(path), entry.size});
  if (levels_.size() == kMaxDepth)
    return Invalid(path + ": folders more than 256 deep", "pack a part of it");
  std::vector<Entry> entries = TRY(List(path));
  std::string name = entry.name;
  levels_.push_back({name, std::move(path), std::move(entries)});
  return std::optional(WalkStep{WalkStep::kEnter, name});
}

}  // namespace millrace::ipld
