#include "decode/csv_survey.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::csv {

namespace {

constexpr size_t kKeptOfBroken = 1024;  // bytes of the line that the rejects show
constexpr size_t kMaxBroken = 10'000;
constexpr size_t kNone = std::string::npos;

size_t FindByte(std::string_view text, char wanted, size_t from) {
  if (from >= text.size()) return kNone;
  const void* found = std::memchr(text.data() + from, wanted, text.size() - from);
  return found == nullptr ? kNone
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

Surveyor::Surveyor(LineRules rules, Copy copy, std::string stand_in)
    : rules_(std::move(rules)), copy_(std::move(copy)), stand_in_(std::move(stand_in)) {}

Status Surveyor::Feed(std::string_view bytes) {
  survey_.bytes += static_cast<int64_t>(bytes.size());
  window_.append(bytes);
  next_quote_ = next_return_ = 0;
  return Process(false);
}

Result<Survey> Surveyor::Finish() {
  next_quote_ = next_return_ = 0;
  TRY(Process(true));
  survey_.mixed_line_ends = with_return_ && without_return_;
  return std::move(survey_);
}

// Remembers what it found: most lines have neither quotes nor returns, and each is looked for once
// in a window.
size_t Surveyor::Next(char wanted, size_t from, size_t& cache) const {
  if (cache < from || cache == 0) cache = FindByte(window_, wanted, from);
  return cache;
}

// A return in an unquoted part that ends no line.
bool Surveyor::StrayReturn(size_t from, size_t to) {
  if (rules_.line_end == '\r') return false;
  for (size_t at = from; (at = Next('\r', at, next_return_)) < to; ++at) {
    if (at + 1 >= window_.size() || window_[at + 1] != '\n') return at + 1 < window_.size();
  }
  return false;
}

// The quoted field that begins at `quote`: where it ends, or what is wrong with it.
std::optional<Surveyor::Record> Surveyor::QuotedEnd(size_t start, size_t quote, bool last,
                                                    size_t& after) const {
  size_t at = quote + 1;
  bool own_escape = rules_.escape != 0 && rules_.escape != rules_.quote;
  while (true) {
    size_t close = FindByte(window_, rules_.quote, at);
    if (own_escape) {
      size_t escape = FindByte(std::string_view(window_).substr(0, close), rules_.escape, at);
      if (escape != kNone) {
        at = escape + 2;
        continue;
      }
    }
    bool more = !last && window_.size() - start <= static_cast<size_t>(rules_.max_line);
    if (close == kNone) return Record{more ? Record::kMore : Record::kUnclosed};
    size_t next = close + 1;
    // A doubled quote, a delimiter of several bytes: what follows must be in the window.
    if (next + rules_.delimiter.size() > window_.size() && more) return Record{Record::kMore};
    if (next >= window_.size()) {
      after = next;
      return std::nullopt;
    }
    if (!own_escape && window_[next] == rules_.quote) {
      at = next + 1;
      continue;
    }
    bool closed = window_[next] == rules_.line_end || window_[next] == '\r' ||
                  window_.compare(next, rules_.delimiter.size(), rules_.delimiter) == 0;
    if (!closed) return Record{Record::kUnclosed};
    after = next;
    return std::nullopt;
  }
}

Surveyor::Record Surveyor::Find(size_t start, bool last) {
  size_t at = start;
  bool comment = rules_.comment != 0 && window_[start] == rules_.comment;
  while (true) {
    size_t end = FindByte(window_, rules_.line_end, at);
    size_t limit = std::min(end, window_.size());
    size_t quote = rules_.quote != 0 && !comment ? Next(rules_.quote, at, next_quote_) : kNone;
    if (quote < limit) {
      if (StrayReturn(at, quote)) return {Record::kStrayReturn};
      size_t width = rules_.delimiter.size();
      bool begins =
          quote == start || (quote >= start + width && quote >= at + width &&
                             window_.compare(quote - width, width, rules_.delimiter) == 0);
      if (!begins) {
        at = quote + 1;
        continue;
      }
      size_t after = 0;
      if (std::optional<Record> stopped = QuotedEnd(start, quote, last, after)) return *stopped;
      at = after;
      continue;
    }
    if (limit - start > static_cast<size_t>(rules_.max_line)) return {Record::kTooLong};
    if (end == kNone && !last) return {Record::kMore};
    if (!comment && StrayReturn(at, limit)) return {Record::kStrayReturn};
    return {Record::kWhole, end == kNone ? window_.size() : end + 1};
  }
}

Status Surveyor::Process(bool last) {
  size_t start = 0;
  if (skipping_) TRY(SkipLong(last));
  while (start < window_.size() && !skipping_) {
    Record record = Find(start, last);
    if (record.state == Record::kMore) break;
    if (record.state == Record::kWhole) {
      TRY(TakeWhole(start, record.end));
      start = record.end;
      continue;
    }
    size_t end = FindByte(window_, rules_.line_end, start);
    TRY(TakeBroken(start, record));
    next_quote_ = next_return_ = 0;  // it looked ahead of where it goes on
    if (end == kNone && !last) {
      skipping_ = true;
      start = window_.size();
    } else {
      start = end == kNone ? window_.size() : end + 1;
    }
  }
  window_.erase(0, start);
  next_quote_ = next_return_ = 0;
  return Status::Ok();
}

// Drops what is left of a line that was told already.
Status Surveyor::SkipLong(bool last) {
  size_t end = FindByte(window_, rules_.line_end, 0);
  skipping_ = end == kNone && !last;
  window_.erase(0, end == kNone ? window_.size() : end + 1);
  next_quote_ = next_return_ = 0;
  return Status::Ok();
}

Status Surveyor::TakeWhole(size_t start, size_t end) {
  std::string_view record = std::string_view(window_).substr(start, end - start);
  ++survey_.lines;
  if (record.find(rules_.line_end) + 1 < record.size()) {
    survey_.lines +=
        std::count(record.begin(), record.end() - 1, rules_.line_end);  // inside quotes
  }
  if (!record.ends_with(rules_.line_end)) return copy_ ? copy_(record) : Status::Ok();
  record.remove_suffix(1);
  bool with_return = rules_.line_end == '\n' && record.ends_with('\r');
  (with_return ? with_return_ : without_return_) = true;
  if (!copy_) return Status::Ok();
  if (with_return) record.remove_suffix(1);
  TRY(copy_(record));
  return copy_("\n");
}

Status Surveyor::TakeBroken(size_t start, Record record) {
  size_t end = std::min(FindByte(window_, rules_.line_end, start), window_.size());
  std::string_view line = std::string_view(window_).substr(start, end - start);
  ++survey_.lines;
  switch (record.state) {
    case Record::kTooLong:
      return AddBroken(
          "csv_line_too_long",
          "the line is longer than csv.max_line, " + std::to_string(rules_.max_line) + " bytes",
          line);
    case Record::kStrayReturn:
      return AddBroken("csv_stray_return", "a carriage return inside the line", line);
    default: return AddBroken("csv_unclosed_quote", "a quote that is not closed", line);
  }
}

Status Surveyor::AddBroken(std::string rule, std::string reason, std::string_view raw) {
  if (survey_.broken.size() == kMaxBroken) {
    return Invalid("more than 10,000 broken lines, the first in line " +
                       std::to_string(survey_.broken[0].line) + ": " + survey_.broken[0].reason,
                   "csv.quote, csv.escape or csv.delimiter may be wrong");
  }
  survey_.broken.push_back({survey_.lines, std::move(rule), std::move(reason),
                            std::string(raw.substr(0, kKeptOfBroken))});
  return copy_ ? copy_(stand_in_ + "\n") : Status::Ok();
}

}  // namespace millrace::csv
