// One CSV file, made ready for the engine: looked through, and copied where the engine cannot read
// it as it is.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "decode/csv_dialect.h"
#include "decode/csv_survey.h"
#include "decode/scan.h"

namespace millrace::csv {

// Its beginning as UTF-8 text, cut after a line end; all of it when it is short. Without a byte
// order mark.
Result<std::string> ReadSample(const InputFile& file, const FormatConfig& format);

// The line that names the columns, without its line end.
std::string HeaderLine(const std::string& sample, int64_t skip);

// A file that is removed with its owner.
class ScratchFile {
 public:
  static Result<std::unique_ptr<ScratchFile>> Make(const std::string& folder);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  Status Append(std::string_view bytes);
  Status Close();  // flushes; more cannot be appended
  const std::string& path() const { return path_; }

 private:
  ScratchFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status Flush();

  std::string path_;
  int fd_;
  std::string buffer_;
};

struct ReadyFile {
  std::string name;  // for _source_file
  std::string path;  // what the engine reads
  std::unique_ptr<ScratchFile> copy;
  std::vector<BrokenLine> broken;
  int64_t lines_before = 0;  // that were taken before: line numbers begin behind them
  Compression compression = Compression::kNone;  // of `path`
  bool empty = false;                            // no bytes at all
};

// `stand_in` takes the place of broken lines: one that the engine rejects and that nobody else
// writes.
Result<ReadyFile> Open(const InputFile& file, const FormatConfig& format, const Dialect& dialect,
                       const std::string& stand_in, const std::string& scratch,
                       std::stop_token stop);

}  // namespace millrace::csv
