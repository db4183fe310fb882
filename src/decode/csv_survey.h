// One pass over a CSV file before the engine reads it: are its lines whole?
//
// DuckDB takes everything after a quote that is never closed for one value, and loses, with one
// reject, all rows up to the end of its buffer; a line beyond its buffer it loses without a word;
// in strict mode it refuses a whole file with mixed line ends. So broken lines are found here, by
// the same rules (RFC 4180), and only they are rejected.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::csv {

struct LineRules {
  std::string delimiter = ",";
  char quote = '"', escape = '"', comment = 0;  // 0: none
  char line_end = '\n';                         // '\r' for files of old Macintosh programs
  int64_t max_line = 2'000'000;                 // bytes of a record
};

struct BrokenLine {
  int64_t line = 0;  // from 1
  std::string rule;  // "csv_unclosed_quote"
  std::string reason;
  std::string raw;  // its first kilobyte
};

struct Survey {
  int64_t bytes = 0;
  int64_t lines = 0;
  bool mixed_line_ends = false;
  std::vector<BrokenLine> broken;
};

class Surveyor {
 public:
  // `copy` takes the file with broken lines replaced by `stand_in` and line ends by '\n'; may be
  // empty.
  using Copy = std::function<Status(std::string_view)>;
  Surveyor(LineRules rules, Copy copy, std::string stand_in);

  // Bytes in any pieces. kInvalid after 10,000 broken lines: the rules are wrong, not the lines.
  Status Feed(std::string_view bytes);
  Result<Survey> Finish();
  // Lines that are known to be whole and come before what is fed: for their number only.
  void CountBefore(int64_t lines) { survey_.lines += lines; }

 private:
  struct Record {
    enum { kWhole, kMore, kUnclosed, kStrayReturn, kTooLong } state;
    size_t end = 0;
  };

  Record Find(size_t start, bool last);
  std::optional<Record> QuotedEnd(size_t start, size_t quote, bool last, size_t& after) const;
  bool StrayReturn(size_t from, size_t to);
  size_t Next(char wanted, size_t from, size_t& cache) const;
  Status Process(bool last);
  Status TakeWhole(size_t start, size_t end);
  Status TakeBroken(size_t start, Record record);
  Status SkipLong(bool last);
  Status AddBroken(std::string rule, std::string reason, std::string_view raw);

  const LineRules rules_;
  const Copy copy_;
  const std::string stand_in_;
  Survey survey_;
  std::string window_;                       // not yet judged
  size_t next_quote_ = 0, next_return_ = 0;  // at or after what was asked last, in the window
  bool skipping_ = false;                    // inside a line that is too long
  bool with_return_ = false, without_return_ = false;
};

}  // namespace millrace::csv
