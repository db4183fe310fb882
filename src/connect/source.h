// SOURCE: where rows come from. See docs/CONNECTORS.md.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/storage.h"
#include "data/rows.h"
#include "data/schema.h"
#include "engine/engine.h"

namespace millrace {

struct SourceFile {  // a file that a range covers
  std::string path;  // absolute, or a URI
  int64_t size = 0;  // bytes
  Time modified;
  std::string sha256;  // "" where it was not computed
};

// A file on this machine; one that was fetched for its holder alone goes with it.
class LocalFile {
 public:
  explicit LocalFile(std::string path, bool fetched = false)
      : path_(std::move(path)), fetched_(fetched) {}
  LocalFile(LocalFile&& other) noexcept
      : path_(std::move(other.path_)), fetched_(std::exchange(other.fetched_, false)) {}
  ~LocalFile();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool fetched_;
};

// What is known of a range beside its rows.
struct SourceInfo {
  int64_t bytes = -1, rows = -1;  // to be read; -1: unknown
  std::vector<SourceFile> files;  // files newly taken by this range
  int64_t removed = 0;            // files that a retention took from it: their rows do not come
  std::vector<std::string>
      rewritten;  // of these, the ones whose earlier rows must go (see WriteOptions)
  std::optional<Time> oldest;  // when the first of its records came about, where they tell; once
                               // they are read
};

// How much one range may hold, about: for sources that can end one anywhere.
struct RangeLimit {
  int64_t rows = 0, bytes = 0;  // 0: no limit
};

// How far a reader is behind what the source has.
struct Lag {
  std::string partition;  // "user_data_topic/3", "slot millrace_users"
  int64_t behind = 0;
  std::string_view unit = "records";  // or "bytes"
};

class Source {
 public:
  virtual ~Source() = default;

  // "Test connection": moves no rows.
  virtual Status Probe(std::stop_token stop) = 0;
  // Before Latest: no range shall hold more than about this.
  virtual void SetLimit(const RangeLimit& /*limit*/) {}
  // Where a reader that starts at `begin` now would end. Equal to `begin`: nothing is new. An
  // unbounded source answers with what is there now, so that running it once takes that and ends.
  // A continuous task asks many times a second.
  virtual Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) = 0;
  // Before Read or NativeScan. With an `end` the same rows come each time, or kInvalid tells why
  // they cannot. A continuous task opens one range after the other with one source: where a range
  // begins at the end of the one before it, connections and what was fetched ahead are kept.
  virtual Status Open(const Range& range, std::stop_token stop) = 0;
  // nullopt: the range is read.
  virtual Result<std::optional<Batch>> Read(std::stop_token stop) = 0;
  // `position` and all before it is committed. May be told again.
  virtual Status Acknowledge(const Position& /*position*/) { return Status::Ok(); }

  // How the session's engine reads the opened range by itself, so that no row passes through our
  // process.
  virtual Result<std::optional<Sql>> NativeScan(Session& /*session*/) {
    return std::optional<Sql>();
  }
  // After a native scan ran: the records that could not be decoded, as a relation with the columns
  // _rule _reason _source_file _line _raw; nullopt when there are none, or never any.
  virtual Result<std::optional<Sql>> DecodeRejects(Session& /*session*/) {
    return std::optional<Sql>();
  }
  // In place of Open: records that were put aside, as _source_file, _line and _raw, are the range
  // that Read gives now. False: what was kept of them does not tell enough to decode them.
  virtual Result<bool> OpenRejects(RowReader& /*rejects*/, std::stop_token /*stop*/) {
    return false;
  }
  // After Open.
  virtual SourceInfo Info() const { return {}; }
  // What is there beyond `end`, a part each; without a question to the server where that can be.
  virtual Result<std::vector<Lag>> Lags(const Position& /*end*/, std::stop_token /*stop*/) {
    return std::vector<Lag>();
  }
  // Of a file that Info names, from any thread: where a server has it, or nullopt when it is on
  // this machine; and the file itself, here.
  virtual Result<std::optional<ServerFile>> OnServer(const SourceFile& /*file*/, std::stop_token) {
    return std::optional<ServerFile>();
  }
  virtual Result<LocalFile> FetchFile(const SourceFile& file, std::stop_token) {
    return LocalFile(file.path);
  }
  // Without reading rows: for validation. nullopt when it cannot be known offline.
  virtual Result<std::optional<Schema>> Describe(Session& /*session*/, std::stop_token) {
    return std::optional<Schema>();
  }
  // Cheap: a text that changes whenever Describe may say something else (options, paths, sizes,
  // times of files), so that its answer can be kept; "" when there is none.
  virtual std::string SchemaKey() { return ""; }
  // Deviations are declared, and the conformance suite reads them here.
  virtual bool CanResume() const { return true; }
};

// What Read gives, as an engine's Bind takes it. The source must outlive it.
std::unique_ptr<RowReader> ReadBySource(Source& source);

}  // namespace millrace
