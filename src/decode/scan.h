// Files → a relation of the engine, and what could not be decoded as another one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/schema.h"
#include "decode/format.h"
#include "engine/engine.h"

namespace millrace {

struct InputFile {
  std::string path;  // absolute
  std::string name;  // what _source_file says
  int64_t skip =
      0;  // decoded bytes taken before; they end at a line end. The header is read all the same
};

// What was found by looking at the beginning of files: worth keeping, finding it costs as much as
// reading a small file. Whoever keeps it keeps it with the files' fingerprints and the config.
struct Shape {
  Schema schema;        // of the rows, without _source_file
  std::string dialect;  // JSON; only decode/ reads it
  std::string ToText() const;
  static Result<Shape> Parse(std::string_view text);
};

// kInvalid when the files have no columns (all are empty, and the config names none).
Result<Shape> SniffFiles(Session& session, const std::vector<InputFile>& files,
                         const FormatConfig& format, std::stop_token stop);

// Must live as long as its relations are read: it owns temporary files.
class FileScan {
 public:
  virtual ~FileScan() = default;
  // The rows and _source_file. Every row of the files is either here or among the rejects.
  virtual const Sql& rows() const = 0;
  // Columns _rule _reason _source_file _line _raw; nullopt when there are none. Complete only after
  // the rows were read to their end by Materialize, WriteParquet or Collect of the same session.
  virtual Result<std::optional<Sql>> Rejects(Session& session, std::stop_token stop) = 0;
};

// `known`: from SniffFiles, or absent to look now. `scratch`: a folder for temporary files, made
// when needed. A truncated or damaged file is kInvalid here, before any row is read.
Result<std::unique_ptr<FileScan>> ScanFiles(Session& session, const std::vector<InputFile>& files,
                                            const FormatConfig& format,
                                            const std::optional<Shape>& known,
                                            const std::string& scratch, std::stop_token stop);

}  // namespace millrace
