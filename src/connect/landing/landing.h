// Landing: files of the lake as they came, bytes and names, each with its SHA-256, size and time.
//
//   <lake>/landing/<NAME>/.versions/<sha256>-<file>  every content of every file that landed
//   <lake>/landing/<NAME>/.manifest/<version>.json   one a commit, put if absent: it is the commit
//   <lake>/landing/<NAME>/<file>                     the newest content under its name, for others
//
// On a disk a name is a hard link, on a server a copy. Readers go by manifest and SHA-256. A
// landing that was made when only earlier contents were kept in .versions is read all the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/storage.h"
#include "base/time.h"
#include "connect/sink.h"

namespace millrace {
class Registry;
}

namespace millrace::landing {

void Register(Registry& registry);

struct LandedFile {
  std::string file;  // its name
  std::string sha256;
  int64_t size = 0;  // bytes
  Time modified;     // of the file as it came
  std::string from;  // where it came from, relative to the pipeline's folder
  Time landed;
  std::string run, task;
  int64_t sequence = 0;  // of the task's commit
  int64_t version = 0;   // of the manifest that brought it
  bool removed = false;  // by a retention: of its content only this record is left
};

struct Manifest {
  int64_t version = 0;     // first commit: 1
  std::string landing_id;  // made with the first commit: a landing removed and made anew is another
  CommitId commit;
  std::string position, run;
  Time landed;
  std::vector<LandedFile> files;  // brought by this commit
  std::vector<LandedFile> removed;  // by a retention; of each its name, SHA-256 and version
};

// What a landing holds after its manifests up to some version.
struct Contents {
  int64_t version = 0;  // 0: nothing landed yet
  std::string landing_id;
  std::map<std::string, std::vector<LandedFile>> files;   // by name, every version, oldest first
  std::map<std::string, Committed, std::less<>> commits;  // the last one by task

  const LandedFile* Newest(const std::string& file) const;
};

// A plain name: letters, digits, _ - and dots, not at the front. kInvalid else.
Status CheckName(std::string_view name);
std::string FolderOf(std::string_view name);  // "landing/flights"

// Names of all landings, sorted.
Result<std::vector<std::string>> Landings(Storage& lake);
Result<Contents> Load(Storage& lake, std::string_view name, std::optional<int64_t> upto = {});
// Of the last manifest; 0: nothing landed yet.
Result<int64_t> NewestVersion(Storage& lake, std::string_view name);
// kConflict when the version is there already.
Status PutManifest(Storage& lake, std::string_view name, const Manifest& manifest);

// All files below a landing's folder, by their paths in the lake.
using Places = std::map<std::string, FileInfo, std::less<>>;
Result<Places> FindPlaces(Storage& lake, std::string_view name);

// Where the bytes of a landed file are, in the lake's storage. `contents` are the newest. kInvalid
// when they are gone or were changed by somebody else, as far as size and time tell.
Result<std::string> Locate(Storage& lake, std::string_view name, const Contents& contents,
                           const Places& places, const LandedFile& file);
std::string VersionPath(std::string_view name, const LandedFile& file);

// Removes the content of files that landed before then: how many. Their record stays, so that what
// has landed once does not land again.
Result<int64_t> RemoveOlder(Storage& lake, std::string_view name, Time before, Time now,
                            std::stop_token stop);

}  // namespace millrace::landing
