// Records of a page as lines of a file, checked and told apart on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connect/rest/cursor.h"
#include "connect/rest/frame_writer.h"

namespace millrace::rest {

// One record of every shape that occurred (names, kinds of values), so that the columns are found
// in a file that is small, however long the rows are. Thread-safe.
class Sample {
 public:
  static constexpr size_t kMostShapes = 20'000;
  static constexpr int64_t kMostBytes = 32 << 20;

  // Adds the lines of an earlier attempt.
  void Restore(const std::string& path);
  // True when this shape is seen first: then the record's line goes into the sample.
  bool IsFirst(uint64_t shape, size_t bytes);

 private:
  std::mutex mutex_;
  std::set<uint64_t> shapes_;
  int64_t bytes_ = 0;
};

// What is known of a page when it is written.
struct PageSummary {
  int64_t records = 0;
  std::vector<Frame> frames;
  std::string sha256;                 // of the lines
  std::string last;                   // record: the pagination may go on from it
  std::optional<std::string> cursor;  // the greatest
  std::string sample;                 // lines of shapes that were not seen before
};

struct WriterOptions {
  std::string prefix;        // members that every record gets: "\"each_id\":12"
  std::string cursor_field;  // names joined by dots; "": none
  CursorOrder order;
  int64_t max_record = 16 << 20;
};

// Appends to a file; what it wrote counts only when the caller has noted it.
class RecordWriter {
 public:
  RecordWriter(int file, std::string path, const WriterOptions& options, Sample& sample);
  ~RecordWriter();

  // `record`: a JSON value with RecordScanner::kPadding readable bytes behind it, at `offset` of
  // its document. What is no object becomes {"value": …}.
  Status Add(std::string_view record, int64_t offset);
  Result<PageSummary> Finish();

 private:
  struct Parser;

  const WriterOptions& options_;
  Sample& sample_;
  std::unique_ptr<Parser> parser_;
  std::string buffer_;
  FrameWriter frames_;
  PageSummary summary_;
};

}  // namespace millrace::rest
