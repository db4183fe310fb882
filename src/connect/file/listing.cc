#include "connect/file/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>

#include "base/text.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 64;  // of folders: deeper is a circle of mounts, not data

bool IsGlob(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

bool IsHidden(std::string_view name) {
  if (name.starts_with('.') || name.starts_with('_') || name.ends_with('~')) return true;
  for (std::string_view suffix : {".tmp", ".part", ".swp", ".crdownload", ".filepart"}) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

Time ModifiedAt(const struct stat& info) {
  return Time(std::chrono::seconds(info.st_mtim.tv_sec) + Micros(info.st_mtim.tv_nsec / 1000));
}

class Listing {
 public:
  Listing(const ListOptions& options, std::stop_token stop)
      : options_(options), stop_(std::move(stop)) {}

  Status Add(const std::string& pattern) {
    std::string path = fs::path(pattern).lexically_normal().string();
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    size_t before = found_.size();
    if (IsGlob(path) && !Exists(path)) {  // a file may have a [ in its name
      size_t wild = path.find_first_of("*?[");
      size_t slash = path.rfind('/', wild);
      std::string base = slash == path.npos ? "" : path.substr(0, std::max<size_t>(slash, 1));
      TRY(Walk(
          base, [&](const std::string& file) { return GlobMatch(path, file); },
          /*deep=*/DepthBelow(path, slash), 0));
      return found_.size() > before ? Status::Ok() : NothingFound(path, base);
    }
    struct stat info;
    if (::stat(Absolute(path).c_str(), &info) != 0) {
      if (errno != ENOENT && errno != ENOTDIR) {
        return FromErrno("cannot read " + Absolute(path), errno);
      }
      return NothingFound(path, fs::path(path).parent_path().string());
    }
    if (S_ISDIR(info.st_mode)) {
      TRY(Walk(
          path, [](const std::string&) { return true; }, kMaxDepth, 0));
      return found_.size() > before ? Status::Ok() : EmptyFolder(path);
    }
    if (!S_ISREG(info.st_mode)) return Invalid(Absolute(path) + " is not a file");
    Take(path, info);
    return Status::Ok();
  }

  std::vector<FoundFile> Sorted() && {
    std::vector<FoundFile> files;
    for (auto& [path, file] : found_) files.push_back(std::move(file));
    return files;
  }

 private:
  std::string Absolute(const std::string& path) const {
    return (fs::path(options_.folder) / path).lexically_normal().string();
  }
  bool Exists(const std::string& path) const {
    struct stat info;
    return ::stat(Absolute(path).c_str(), &info) == 0;
  }
  // How many folders below the first wildcard a glob can reach.
  static int DepthBelow(const std::string& pattern, size_t slash) {
    if (pattern.find("**") != pattern.npos) return kMaxDepth;
    size_t from = slash == pattern.npos ? 0 : slash + 1;
    return static_cast<int>(
        std::count(pattern.begin() + static_cast<long>(from), pattern.end(), '/'));
  }

  void Take(const std::string& path, const struct stat& info) {
    std::string shown = Shown(path);
    found_.emplace(shown, FoundFile{shown, Absolute(path), info.st_size, ModifiedAt(info)});
  }
  // An absolute path below the pipeline's folder is shown as a relative one is.
  std::string Shown(const std::string& path) const {
    std::string prefix = options_.folder + "/";
    return path.starts_with(prefix) ? path.substr(prefix.size()) : path;
  }

  template <class Match>
  Status Walk(const std::string& folder, const Match& match, int deep, int depth) {
    if (stop_.stop_requested()) return Canceled();
    std::string absolute = Absolute(folder);
    std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(absolute.c_str()), ::closedir);
    if (!handle && depth == 0 && (errno == ENOENT || errno == ENOTDIR)) return Status::Ok();
    if (!handle && errno == ENOENT) return Status::Ok();  // vanished meanwhile
    if (!handle) return FromErrno("cannot list " + absolute, errno);
    std::vector<std::string> folders;
    while (const dirent* entry = ::readdir(handle.get())) {
      std::string name = entry->d_name;
      if (name == "." || name == ".." || (!options_.hidden && IsHidden(name))) continue;
      struct stat info;
      if (::fstatat(::dirfd(handle.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      bool link = S_ISLNK(info.st_mode);
      if (link && ::fstatat(::dirfd(handle.get()), name.c_str(), &info, 0) != 0) continue;
      std::string path = folder.empty() ? name : folder == "/" ? "/" + name : folder + "/" + name;
      if (S_ISREG(info.st_mode) && match(path)) Take(path, info);
      // A link to a folder is not followed: it may lead in a circle.
      if (S_ISDIR(info.st_mode) && !link && depth < deep) folders.push_back(std::move(path));
    }
    for (const std::string& each : folders) TRY(Walk(each, match, deep, depth + 1));
    return Status::Ok();
  }

  Status NothingFound(const std::string& pattern, const std::string& folder) const {
    std::string looked_in = Absolute(folder);
    if (looked_in.size() > 1 && looked_in.back() == '/') looked_in.pop_back();
    struct stat info;
    if (::stat(looked_in.c_str(), &info) != 0) {
      return NotFound("there is no folder " + looked_in + " to look for '" + pattern + "' in");
    }
    std::string what = IsGlob(pattern) ? "no file matches '" : "there is no file '";
    std::vector<std::string> names = NamesIn(looked_in);
    std::string closest = Closest(fs::path(pattern).filename().string(), names);
    std::string hint;
    if (!closest.empty()) {
      hint = "did you mean '" + (fs::path(folder) / closest).string() + "'?";
    } else if (!names.empty()) {
      size_t shown = std::min<size_t>(names.size(), 5);
      hint = "there " + std::string(shown == 1 ? "is " : "are ") +
             Join({names.begin(), names.begin() + static_cast<long>(shown)}, ", ") +
             (names.size() > shown ? " and more" : "");
    } else {
      hint = "that folder has no files";
    }
    return NotFound(what + pattern + "' in " + looked_in, hint);
  }

  Status EmptyFolder(const std::string& folder) const {
    return NotFound(
        "the folder " + Absolute(folder) + " has no files",
        options_.hidden ? "" : "hidden and temporary files are left out without `hidden: true`");
  }

  // Up to 1,000 names: for a hint.
  static std::vector<std::string> NamesIn(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      std::string name = it->path().filename().string();
      if (!IsHidden(name) && names.size() < 1000) names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    return names;
  }

  const ListOptions& options_;
  const std::stop_token stop_;
  std::map<std::string, FoundFile> found_;
};

}  // namespace

Result<std::vector<FoundFile>> ListFiles(const ListOptions& options, std::stop_token stop) {
  Listing listing(options, std::move(stop));
  for (const std::string& pattern : options.patterns) TRY(listing.Add(pattern));
  return std::move(listing).Sorted();
}

}  // namespace millrace::file
