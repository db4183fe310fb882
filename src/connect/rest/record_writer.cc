#include "connect/rest/record_writer.h"

#include <simdjson.h>

#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/time.h"

namespace millrace::rest {

namespace {

using Element = simdjson::dom::element;
using ElementType = simdjson::dom::element_type;

constexpr size_t kBlock = size_t{4} << 20;  // bytes of lines in a frame
constexpr int kShapeDepth = 8;

uint64_t Mix(uint64_t hash, uint64_t more) {
  hash ^= more + 0x9e3779b97f4a7c15 + (hash << 12) + (hash >> 4);
  return hash * 0xff51afd7ed558ccd;
}

// Names are short: two numbers say all of one.
uint64_t HashOf(std::string_view text) {
  size_t size = text.size();
  if (size < 4 || size > 16) return std::hash<std::string_view>{}(text);
  uint64_t begin = 0, end = 0;
  size_t half = size < 8 ? 4 : 8;
  std::memcpy(&begin, text.data(), half);
  std::memcpy(&end, text.data() + size - half, half);
  return Mix(Mix(size, begin), end);
}

// Texts of which an engine makes other types are other shapes than those of which it does not.
uint64_t ShapeOfText(std::string_view text) {
  bool digits_first = text.size() >= 8 && text[0] >= '0' && text[0] <= '9';
  if (!digits_first && text.size() != 36) return 1;
  uint64_t marks = text.size() == 36 && text[8] == '-' && text[13] == '-' ? 2 : 3;
  for (char c : text.substr(0, 40)) {
    if (!(c >= '0' && c <= '9')) marks = Mix(marks, static_cast<unsigned char>(c));
  }
  return marks;
}

uint64_t ShapeOf(const Element& value, int depth) {
  uint64_t shape = static_cast<uint64_t>(value.type());
  if (value.type() == ElementType::STRING)
    return Mix(shape, ShapeOfText(value.get_string().value_unsafe()));
  if (depth == 0) return shape;
  simdjson::dom::object object;
  simdjson::dom::array array;
  if (value.get(object) == simdjson::SUCCESS) {
    for (auto field : object)
      shape = Mix(Mix(shape, HashOf(field.key)), ShapeOf(field.value, depth - 1));
  } else if (value.get(array) == simdjson::SUCCESS) {
    // Elements are one type together: how many of each there are does not matter.
    uint64_t all = 0;
    for (Element item : array) all |= ShapeOf(item, depth - 1);
    shape = Mix(shape, all);
  }
  return shape;
}

std::optional<std::string> TextOf(const Element& value) {
  switch (value.type()) {
    case ElementType::STRING: return std::string(value.get_string().value_unsafe());
    case ElementType::INT64: return std::to_string(value.get_int64().value_unsafe());
    case ElementType::UINT64: return std::to_string(value.get_uint64().value_unsafe());
    case ElementType::DOUBLE: return simdjson::minify(value);
    default: return std::nullopt;
  }
}

}  // namespace

void Sample::Restore(const std::string& path) {
  std::ifstream in(path);
  simdjson::dom::parser parser;
  for (std::string line; std::getline(in, line);) {
    Element value;
    if (parser.parse(line).get(value) == simdjson::SUCCESS)
      IsFirst(ShapeOf(value, kShapeDepth), line.size());
  }
}

bool Sample::IsFirst(uint64_t shape, size_t bytes) {
  std::lock_guard lock(mutex_);
  if (shapes_.size() >= kMostShapes || bytes_ + static_cast<int64_t>(bytes) > kMostBytes)
    return false;
  if (!shapes_.insert(shape).second) return false;
  bytes_ += static_cast<int64_t>(bytes);
  return true;
}

struct RecordWriter::Parser {
  simdjson::dom::parser dom;
  std::vector<std::string> cursor_path;
  std::string plain;  // a record without its line ends
  uint64_t last_shape = 0;

  Status NoteCursor(const Element& record, const WriterOptions& options,
                    PageSummary& summary) const;
};

RecordWriter::RecordWriter(int file, std::string path, const WriterOptions& options, Sample& sample)
    : options_(options),
      sample_(sample),
      parser_(std::make_unique<Parser>()),
      frames_(file, std::move(path)) {
  if (!options.cursor_field.empty()) parser_->cursor_path = Split(options.cursor_field, '.');
}

RecordWriter::~RecordWriter() = default;

Status RecordWriter::Add(std::string_view record, int64_t offset) {
  Element value;
  auto error = parser_->dom.parse(record.data(), record.size(), false).get(value);
  if (error != simdjson::SUCCESS) {
    std::string what = error == simdjson::UTF8_ERROR ? "text that is not UTF-8" : "invalid JSON";
    return Invalid(what + " in the record at byte " + FormatCount(offset) + ": " +
                       CutText(std::string(record.substr(0, 200)), 160),
                   error == simdjson::UTF8_ERROR
                       ? "name the encoding that the server uses: `encoding: latin-1`"
                       : "see what the server sends there");
  }
  if (record.find('\n') != record.npos || record.find('\r') != record.npos) {
    parser_->plain.resize(record.size());
    size_t length = 0;
    error = simdjson::minify(record.data(), record.size(), parser_->plain.data(), length);
    if (error != simdjson::SUCCESS) return Internal("valid JSON cannot be written shorter");
    record = std::string_view(parser_->plain).substr(0, length);
  }
  size_t begin = buffer_.size();
  bool object = value.type() == ElementType::OBJECT;
  if (!object) {
    buffer_ += "{" + options_.prefix + (options_.prefix.empty() ? "" : ",") + "\"value\":";
    (buffer_ += record) += "}\n";
  } else if (options_.prefix.empty()) {
    (buffer_ += record) += '\n';
  } else {
    simdjson::dom::object members;
    bool empty = value.get(members) == simdjson::SUCCESS && members.begin() == members.end();
    buffer_ += "{" + options_.prefix + (empty ? "" : ",");
    (buffer_ += record.substr(record.find('{') + 1)) += '\n';
  }
  std::string_view line = std::string_view(buffer_).substr(begin);
  uint64_t shape = ShapeOf(value, kShapeDepth);
  bool other = shape != parser_->last_shape || summary_.records == 0;
  if (other && sample_.IsFirst(shape, line.size())) summary_.sample += line;
  parser_->last_shape = shape;
  if (!parser_->cursor_path.empty()) TRY(parser_->NoteCursor(value, options_, summary_));
  ++summary_.records;
  if (buffer_.size() < kBlock) return Status::Ok();
  summary_.last = line;
  return frames_.Put(std::exchange(buffer_, std::string()));
}

Status RecordWriter::Parser::NoteCursor(const Element& record, const WriterOptions& options,
                                        PageSummary& summary) const {
  Element at = record;
  for (const std::string& name : cursor_path) {
    Element child;
    if (at.type() != ElementType::OBJECT || at[name].get(child) != simdjson::SUCCESS)
      return Status::Ok();
    at = child;
  }
  std::optional<std::string> cursor = TextOf(at);
  if (!cursor) return Status::Ok();
  TRY(options.order.Check(*cursor));
  if (!summary.cursor || options.order.Less(*summary.cursor, *cursor))
    summary.cursor = std::move(cursor);
  return Status::Ok();
}

Result<PageSummary> RecordWriter::Finish() {
  if (!buffer_.empty()) {
    size_t begin = buffer_.rfind('\n', buffer_.size() - 2);
    summary_.last = buffer_.substr(begin == buffer_.npos ? 0 : begin + 1);
  }
  TRY(frames_.Finish(buffer_));
  summary_.frames = frames_.frames();
  summary_.sha256 = frames_.sha256();
  return std::move(summary_);
}

}  // namespace millrace::rest
