// The files below some paths, in the order in which the network's own client sends them: by their
// paths below the root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace millrace::ipld {

struct WalkStep {
  enum Kind { kEnter, kLeave, kFile };
  Kind kind = kFile;
  std::string name;  // of the entry in its folder; of the outermost folder ""
  std::string path;  // of a file, to open it
  int64_t size = 0;  // of a file, bytes
};

struct WalkOptions {
  bool wrap = true;     // a single file lies in a folder, too
  bool hidden = false;  // names that begin with '.', below the paths given
};

// Holds the names of the folders that are open: of each that it is in.
class TreeWalk {
 public:
  // One path of a folder: what is in it is the root. Several paths, or a file: the root is a folder
  // that holds each by its last name; without `wrap` a single file is the root itself, and so is
  // the only file of a folder. kNotFound: a path is missing.
  static Result<TreeWalk> Open(const std::vector<std::string>& paths, WalkOptions options);

  // nullopt at the end. kInvalid: something is neither file nor folder, or a link to a folder.
  Result<std::optional<WalkStep>> Next();

 private:
  struct Entry {
    std::string name, path;  // path: "" for <path of the level>/<name>
    int64_t size = 0;
    bool folder = false;
  };
  struct Level {
    std::string name, path;
    std::vector<Entry> entries;
    size_t next = 0;
  };

  static Result<Entry> Look(const std::string& path, std::string name);
  static void Sort(std::vector<Entry>& entries);
  Result<std::vector<Entry>> List(const std::string& path) const;
  Result<std::optional<Entry>> OnlyFile(const std::string& path, int depth) const;

  WalkOptions options_;
  std::vector<Level> levels_;
  std::optional<Entry> bare_;  // the only file, without a folder
  bool entered_ = false;
};

}  // namespace millrace::ipld
