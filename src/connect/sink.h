// SINK: where rows go. See docs/CONNECTORS.md.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "connect/source.h"
#include "data/rows.h"
#include "data/schema.h"
#include "engine/engine.h"
#include "store/store.h"

namespace millrace {

struct Committed {       // what a sink remembers of a task's last commit
  int64_t sequence = 0;  // of CommitId
  std::string position;  // as given to Commit; "" where the sink cannot keep it
};

struct WriteCount {
  int64_t rows = 0;              // written
  int64_t bytes = 0;             // as stored; 0 where unknown
  std::optional<Sql> discarded;  // rows that the target's contract refused: they go to the rejects
  int64_t rows_discarded = 0;
};

struct CommitInfo {
  CommitId id;
  std::string position;  // of all inputs, opaque
  Time now;
};

// What a write is part of, and what it does to what the task wrote before. Known when the range is
// opened.
struct WriteIntent {
  bool refresh = false;  // all of it goes, whatever the sink's mode: everything is read again
  std::vector<std::string>
      replaced_files;  // rows whose `_source_file` is one of these go (see WriteOptions)
  CommitId id;         // of the commit that will follow; the same in a replay
  Time now;            // the interval's fixed time: the same in a replay
  bool takes_rejects = false;  // the task puts WriteCount::discarded aside, rather than lose it
};

// A file of a source that a sink may take whole. The source outlives it.
struct OfferedFile {
  SourceFile file;
  Source* source = nullptr;  // null: the file is on this machine
};

// Destruction without Commit() discards what was written.
class Sink {
 public:
  virtual ~Sink() = default;

  virtual Status Probe(std::stop_token stop) = 0;
  // "validate --online": whether rows of this shape could be written there, as far as can be known.
  // Changes nothing.
  virtual Status Accepts(const Schema& /*schema*/, std::stop_token stop) { return Probe(stop); }
  // The last commit of `task` that this sink has, or nullopt.
  virtual Result<std::optional<Committed>> LastCommit(std::string_view task,
                                                      std::stop_token stop) = 0;
  // Before Write, WriteFrom or TakeFiles (the schema is empty then). Once for each commit: after
  // Commit a continuous task opens the same sink again, and connections are kept. What was written
  // and not committed when it is opened again is discarded.
  virtual Status Open(const Schema& schema, const WriteIntent& intent, std::stop_token stop) = 0;
  virtual Status Write(const Rows& rows, std::stop_token stop) = 0;
  // Writes the rows of a relation: by default one Write() after another. A sink that the engine can
  // write by itself does that here.
  virtual Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop);
  // Makes what was written visible. Twice with one id counts once.
  virtual Status Commit(const CommitInfo& commit, std::stop_token stop) = 0;

  // What that commit, which the sink has, left outside under a name of its own: without `run` and
  // `task`.
  virtual Result<std::vector<OutputRecord>> Outputs(const CommitId& /*commit*/) {
    return std::vector<OutputRecord>();
  }

  // For `plan` and lineage.
  virtual std::string Target() const = 0;  // "silver.flights", "out/report.csv"
  // False where the target is not a table of rows but takes files whole (landing): then TakeFiles
  // is called.
  virtual bool TakesRows() const { return true; }
  virtual Result<WriteCount> TakeFiles(const std::vector<OfferedFile>& files, std::stop_token stop);
};

}  // namespace millrace
