// MANIFEST: what a run read, did and wrote, with hashes, signed. One file a run.
//
//   {"manifest": {…}, "signature": {"key": "did:key:z6Mk…", "value": "<base64>"}}
//
// in canonical JSON (https://www.rfc-editor.org/rfc/rfc8785), a line. The signature is Ed25519's of
// the bytes of the value of "manifest", as they stand in the file. docs/PROOF.md says what is in
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ed25519.h"
#include "base/status.h"
#include "store/store.h"

namespace millrace::proof {

struct FileProof {
  std::string path;  // of the project's folder, or absolute; of a table or landing: in its folder
  int64_t size = 0;  // bytes; -1: unknown
  std::string sha256;  // hex; "" where it could not be read
  std::string cid;     // as UnixFS: what `millrace car pack --no-wrap` says; "" as above
  bool operator==(const FileProof&) const = default;
};

struct InputFile {
  std::string input;  // its name in the task
  FileProof file;
};

struct CommitProof {
  int64_t sequence = 0;
  Time now;  // what the task saw as the present
  bool refresh = false;
  std::map<std::string, std::string> begin, end;  // positions by input; of tables "VERSION ID"
};

struct TaskProof {
  std::string key;
  std::string state;
  std::string definition;                   // SHA-256 of all that decides its rows
  std::string sql_sha256;                   // of its SQL, values replaced; "" without
  std::vector<std::string> reads, writes;   // lake tables and landings
  std::vector<std::string> targets;         // "table silver.x", "file out/report.csv", "kafka"
  int64_t rows_in = 0, rows_out = 0, rows_rejected = 0;
  std::vector<CommitProof> commits;  // of a stream the newest thousand
  std::vector<CheckRecord> checks;
  std::vector<InputFile> files;  // that it took
};

// A table or a landing: what the run brought.
struct LakeProof {
  std::string name;     // "silver.flights", "landing/flights"
  std::string id;       // of its life: one that is removed and made anew is another
  int64_t before = -1;  // the version before the run; -1: it was not there
  int64_t version = 0;  // after it
  std::vector<FileProof> files;  // that are in `version` and were not in `before`
};

struct OutputFile {
  std::string task;
  FileProof file;
};

struct ShardProof {
  std::string kind;  // "shard" or "index"
  std::string cid;
  int64_t size = 0;
};

struct StoredAt {
  std::string target, location;
};

struct ContentProof {  // what was stored by its CID
  std::string task, root;
  int64_t size = 0, files = 0;
  std::vector<ShardProof> shards;
  std::vector<StoredAt> stored;
};

struct Manifest {
  RunRecord run;        // without its process
  std::string program;  // "millrace 0.1.0"
  std::string engine;   // "duckdb v1.5.5"
  std::vector<FileProof> sources;  // millrace.yml, the pipeline's file, its SQL files
  std::vector<TaskProof> tasks;
  std::vector<LakeProof> tables, landings;
  std::vector<OutputFile> files;
  std::vector<ContentProof> contents;
};

// Canonical JSON of it, without a signature: of a run that has not ended.
std::string WriteManifest(const Manifest& manifest);
Result<Manifest> ReadManifest(std::string_view json);

// The signed file. Text that is no UTF-8 (a path) is in it as far as it is.
std::string SealManifest(const Manifest& manifest, const Ed25519Key& key);

struct Sealed {
  Manifest manifest;
  std::string key;             // did:key of who signed
  bool is_authentic = false;   // the signature is that key's
};
inline constexpr size_t kMaxManifest = size_t{32} << 20;  // bytes
// kInvalid: no manifest: not canonical JSON, other fields, too large, too deep.
Result<Sealed> OpenManifest(std::string_view file);
// The same of a file of this machine.
Result<Sealed> ReadSealed(const std::string& path);

}  // namespace millrace::proof
