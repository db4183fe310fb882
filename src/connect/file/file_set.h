// The position of a file source: the files taken, each by its content.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/status.h"
#include "base/storage.h"
#include "data/rows.h"

namespace millrace::file {

struct TakenFile {
  int64_t size = 0;    // bytes, as stored
  std::string sha256;  // of the bytes as stored
  bool operator==(const TakenFile&) const = default;
};

using FileSet = std::map<std::string, TakenFile>;  // by path as _source_file says it

// Positions are kept with every commit, in the store and in each target, and a folder may have
// hundreds of thousands of files. So a position names only the newest of them itself; the others
// are in lists that are written once, each larger by far than the next one, and named by their
// SHA-256:
//
//   <lake>/.positions/<source>/<sha256>    lines of "sha256 size path"
//
// They lie in the lake, for they must be there whenever a position is: also when the state folder
// was lost and the position comes from a target.
class FilePositions {
 public:
  // `source`: what tells one source from another. `planning`, and outside a run: nothing is
  // written.
  FilePositions(Storage& lake, const std::string& source, Clock& clock, bool planning);

  // The same position as before when these are the same files. The lists are durable on return.
  Result<Position> Print(const FileSet& files, const std::optional<Position>& before);
  // kInvalid: it is none, or one of its lists is gone.
  Result<FileSet> Parse(const Position& position);

 private:
  struct List {
    std::string sha256;
    size_t count = 0;  // of files
  };
  struct Parts {
    std::vector<List> lists;  // the largest first; later ones count where two have one path
    FileSet named;            // by the position itself, after them
  };

  static Result<Parts> Split(const Position& position);
  static Position Join(const Parts& parts);
  Result<std::shared_ptr<const FileSet>> Load(const List& list);
  Result<List> Write(FileSet files);
  Status MakeList(Parts& parts);
  void Sweep(const std::vector<Parts>& needed);

  Storage& lake_;
  const std::string folder_;
  Clock& clock_;
  const bool planning_;
  std::map<std::string, std::shared_ptr<const FileSet>> loaded_;  // of the newest position
};

}  // namespace millrace::file
