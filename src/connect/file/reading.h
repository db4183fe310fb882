// Reads a list of files through the engine: the part that the sources of files have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/scratch_folder.h"
#include "base/status.h"
#include "connect/file/listing.h"
#include "connect/source.h"
#include "decode/format.h"
#include "decode/scan.h"

namespace millrace::file {

struct ToRead {
  FoundFile file;
  std::string sha256;
  int64_t skip = 0;        // bytes taken before, up to a line end
  int64_t upto = -1;       // bytes that are read at most; -1: all
  bool rewritten = false;  // its earlier rows go
};

class Reading {
 public:
  // `id` tells this reader from others of the project; `state_folder` as in ConnectContext.
  Reading(FormatConfig format, std::string state_folder, const std::string& id);
  ~Reading();

  // `all`: files that tell the columns when there is none to read.
  Status Open(std::vector<ToRead> files, std::vector<FoundFile> all, std::stop_token stop);
  // These two stop as Open does.
  Result<std::optional<Sql>> Scan(Session& session);
  // kUnavailable when one of the files changed since Open.
  Result<std::optional<Sql>> Rejects(Session& session);
  Result<std::optional<Schema>> Describe(Session& session, const std::vector<FoundFile>& files,
                                         std::stop_token stop);
  SourceInfo Info() const;
  void Close();  // removes what was staged

 private:
  struct Seen {
    std::string path;
    int64_t size = 0, inode = 0, modified = 0;  // bytes, -, nanoseconds
    bool operator==(const Seen&) const = default;
  };
  static Result<Seen> Look(const std::string& path);
  Status CheckUnchanged() const;
  Result<std::string> StagePrefix(const ToRead& file, std::stop_token stop);

  const FormatConfig format_;
  const std::string state_folder_;
  ScratchFolder scratch_;
  std::vector<ToRead> files_;
  std::vector<FoundFile> all_;
  std::vector<InputFile> inputs_;
  std::vector<Seen> seen_;
  std::unique_ptr<FileScan> scan_;
  std::stop_token stop_;
};

// A source whose rows come out of files that Reading reads.
class ReadingSource : public Source {
 public:
  ReadingSource(FormatConfig format, std::string state_folder, const std::string& id)
      : reading_(std::move(format), std::move(state_folder), id) {}

  Result<std::optional<Batch>> Read(std::stop_token stop) override;
  Status Acknowledge(const Position&) override {
    reading_.Close();
    return Status::Ok();
  }
  Result<std::optional<Sql>> NativeScan(Session& session) override {
    return reading_.Scan(session);
  }
  Result<std::optional<Sql>> DecodeRejects(Session& session) override {
    return reading_.Rejects(session);
  }
  SourceInfo Info() const override { return reading_.Info(); }
  Result<std::optional<Schema>> Describe(Session& session, std::stop_token stop) override {
    return reading_.Describe(session, TRY(Telling(stop)), stop);
  }

 protected:
  // The files that tell the columns, newest as they are now.
  virtual Result<std::vector<FoundFile>> Telling(std::stop_token stop) = 0;

  Reading reading_;
};

}  // namespace millrace::file
