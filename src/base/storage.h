// A folder of files: on a local disk here, an S3 prefix elsewhere. The lake and landing live on it.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace millrace {

struct FileInfo {
  std::string path;  // relative to the storage's root, '/'-separated
  int64_t size = 0;  // bytes
  Time modified;    // of the file; where the storage keeps no times, when it was put
  std::string etag = {};    // another one for another content; "" where `modified` has to tell
  std::string sha256 = {};  // hex; "" where the storage does not know it. List never tells it
};

// An object on a server, for a storage that can have the server copy it.
struct ServerFile {
  std::string server;  // "https://s3.example.com": where the text is the same, the server is
  std::string bucket, key;
  int64_t size = 0;  // bytes
  std::string etag;
  std::string sha256;  // hex, as the server knows it; "" when it does not
};

// Held until it is destroyed or its process ends, however that ends.
class StorageLock {
 public:
  virtual ~StorageLock() = default;
};

// Paths are relative to the root and must not contain ".."; thread-safe.
class Storage {
 public:
  virtual ~Storage() = default;

  // What an engine can read: an absolute path, or s3://…
  virtual std::string Uri(std::string_view path) const = 0;
  // Where an engine writes a file that Sync() then makes the storage's: here, or in a folder of
  // this machine from which it is uploaded. Absolute.
  virtual std::string WriteUri(std::string_view path) const { return Uri(path); }

  // kNotFound when absent; kExhausted when longer than max_bytes.
  virtual Result<std::string> Read(std::string_view path, int64_t max_bytes = int64_t{1} << 30) = 0;
  // Replaces atomically and durably.
  virtual Status Put(std::string_view path, std::string_view bytes) = 0;
  // Durable on return; all or nothing. kConflict when the path exists already.
  virtual Status PutIfAbsent(std::string_view path, std::string_view bytes) = 0;
  // A file of this machine, put durably, all or nothing; replaces. It keeps its time where the
  // storage keeps times. kUnavailable when it has another SHA-256, or changes meanwhile.
  virtual Status PutFile(std::string_view path, const std::string& local, const std::string& sha256,
                         std::stop_token stop) = 0;
  // Onto this machine; `local` appears when it is whole, its folder must exist. kUnavailable when
  // it has another SHA-256.
  virtual Status GetFile(std::string_view path, const std::string& local, const std::string& sha256,
                         std::stop_token stop) = 0;
  // By the storage itself: what stands at `from` stands at `to`, too, with its time. Durable, all
  // or nothing; replaces.
  virtual Status Copy(std::string_view from, std::string_view to, std::stop_token stop) = 0;
  // The same from elsewhere on the storage's server, which keeps the SHA-256. False, and nothing is
  // done, when that is another server or does not keep it; kInvalid when the server refuses.
  virtual Result<bool> CopyFrom(const ServerFile& /*from*/, std::string_view /*to*/,
                                std::stop_token) {
    return false;
  }
  // How many calls at once are worth while.
  virtual size_t AtOnce() const { return 4; }
  virtual Result<FileInfo> Stat(std::string_view path) = 0;
  // All files below the folder, recursively, sorted by path; none when it does not exist.
  virtual Result<std::vector<FileInfo>> List(std::string_view folder) = 0;
  // Names of direct sub-folders, sorted.
  virtual Result<std::vector<std::string>> Folders(std::string_view folder) = 0;
  // Replaces the target atomically and durably.
  virtual Status Rename(std::string_view from, std::string_view to) = 0;
  virtual Status Remove(std::string_view path) = 0;  // ok when absent
  virtual Status RemoveEmptyFolders(std::string_view folder) = 0;
  // A lock among those who ask for it, on this machine: many may hold it shared, or one alone. Does
  // not wait: nullptr when it is not to be had now. The file is made, and stays.
  virtual Result<std::unique_ptr<StorageLock>> TryLock(std::string_view path, bool shared) = 0;
  virtual Status MakeFolder(std::string_view path) = 0;
  // Makes files that an engine wrote below WriteUri("") durable, their folders included.
  virtual Status Sync(const std::vector<std::string>& paths) = 0;
  // What uploads to paths that begin so left, when they were begun before then and never came to
  // their end.
  virtual Status RemoveUnfinished(std::string_view /*prefix*/, Time /*before*/) {
    return Status::Ok();
  }
};

// Whether programs of this machine can open its files by their paths.
inline bool IsLocal(const Storage& storage, std::string_view path) {
  return storage.Uri(path).starts_with('/');
}

// A folder on this machine; made when first written to. `root` is made absolute.
std::unique_ptr<Storage> OpenLocalStorage(std::string root);

}  // namespace millrace
