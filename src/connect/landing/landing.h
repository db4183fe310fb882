// Landing: files of the lake as they came, bytes and names, each with its SHA-256, size and time.
//
//   <lake>/landing/<NAME>/<file>                      the newest version of each file
//   <lake>/landing/<NAME>/.versions/<sha256>-<file>   earlier versions, so that a replay still
//   finds them <lake>/landing/<NAME>/.manifest/<version>.json    one a commit, put if absent: it is
//   the commit
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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
};

struct Manifest {
  int64_t version = 0;     // first commit: 1
  std::string landing_id;  // made with the first commit: a landing removed and made anew is another
  CommitId commit;
  std::string position, run;
  Time landed;
  std::vector<LandedFile> files;  // brought by this commit
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
// kConflict when the version is there already.
Status PutManifest(Storage& lake, std::string_view name, const Manifest& manifest);

// Where the bytes of a landed file are now, in the lake's storage. `contents` are the newest.
// kInvalid when they are gone or were changed by somebody else.
Result<std::string> Locate(Storage& lake, std::string_view name, const Contents& contents,
                           const LandedFile& file);
std::string VersionPath(std::string_view name, const LandedFile& file);

}  // namespace millrace::landing
