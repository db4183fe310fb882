// Finds the records in a JSON document without holding it: a document may be longer than memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/json_path.h"

namespace millrace::rest {

// Fed with pieces. Records are the elements of the list that the path leads to, or the one object
// there; an empty path: of the document. What stands beside them is kept: cursors and totals.
class RecordScanner {
 public:
  // A value's bytes, at least kPadding readable ones behind them, and where it begins in the
  // document.
  using OnRecord = std::function<Status(std::string_view record, int64_t offset)>;
  static constexpr size_t kPadding = 64;
  static constexpr size_t kMostBeside = size_t{4} << 20;

  RecordScanner(const JsonPath& path, int64_t max_record, OnRecord on_record);

  // `piece`, too, has kPadding readable bytes behind it. kInvalid: it is not JSON, and where.
  Status Feed(std::string_view piece);
  // kUnavailable: the document is not at its end.
  Status Finish();

  // The document with an empty list in place of records; "" when that is longer than kMostBeside.
  const std::string& beside() const { return beside_; }
  bool found() const { return found_; }  // the path led to something
  int64_t offset() const { return offset_; }

 private:
  struct Container {
    bool object = false;
    bool records = false;  // its elements are records
    int matched = -1;      // steps of the path that led here; -1: it is not on the path
    int64_t index = 0;     // of the next element
    std::string key;       // of the next member
    bool wants_value = false, after_value = false;
  };
  enum class Capture { kNone, kNested, kText, kScalar };

  Status Structure(std::string_view piece, size_t& at);
  Status Captured(std::string_view piece, size_t& at);
  size_t EndOfNested(std::string_view piece, size_t at);
  size_t EndInBlock(const char* block);
  size_t ClosingQuote(std::string_view piece, size_t at);
  Status BeginValue(char c);
  Status Quote(std::string_view piece, size_t& at);
  Status Close(char c);
  Status Punctuation(char c);
  Status EndValue();
  int MatchOfChild() const;
  bool IsLeaf(int matched) const { return matched == static_cast<int>(path_.size()); }
  void Keep(std::string_view text);
  Status Wrong(const std::string& what, size_t at, std::string_view piece) const;

  const std::vector<JsonStep> path_;
  const int64_t max_record_;
  const OnRecord on_record_;

  std::vector<Container> stack_;
  bool root_done_ = false, found_ = false, beside_full_ = false;
  std::string beside_;
  int64_t offset_ = 0;  // of the piece

  // The value that is being captured; begun in an earlier piece when `pending_` is not empty.
  Capture capture_ = Capture::kNone;
  int depth_ = 0;
  bool in_text_ = false, escaped_ = false;
  std::string pending_;
  int64_t record_at_ = 0;

  bool in_scalar_ = false;     // a number or word of the structure
  bool reading_text_ = false;  // a text of the structure: a key or a value beside the records
  bool text_is_key_ = false;
  std::string text_;
};

}  // namespace millrace::rest
