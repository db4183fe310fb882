// Values as text, as logical replication sends them.
#include <nanoarrow/nanoarrow.hpp>

#include <charconv>
#include <limits>

#include "base/time.h"
#include "connect/postgres/column_builder.h"
#include "connect/postgres/numeric.h"

namespace millrace::postgres {

namespace {

// An element of {a,"b \"c\"",NULL}: its text, unquoted; nullopt for a null. `text` begins behind
// it.
struct Element {
  std::optional<std::string> value;
  bool whole = false;
};

Element TakeElement(std::string_view& text) {
  Element element;
  std::string value;
  bool quoted = text.starts_with('"');
  if (quoted) text.remove_prefix(1);
  while (!text.empty()) {
    char c = text[0];
    if (quoted ? c == '"' : c == ',' || c == '}') break;
    text.remove_prefix(1);
    if (c == '\\') {
      if (text.empty()) return element;
      c = text[0];
      text.remove_prefix(1);
    }
    value += c;
  }
  if (quoted) {
    if (text.empty()) return element;
    text.remove_prefix(1);
  }
  element.whole = !text.empty();
  if (quoted || value != "NULL") element.value = std::move(value);
  return element;
}

}  // namespace

template <class T>
const char* ColumnBuilder::Parsed(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return kBroken;
  return Fixed(value);
}

const char* ColumnBuilder::HexBytes(std::string_view text) {
  if (!text.starts_with("\\x") || text.size() % 2) return kBroken;
  std::string bytes;
  for (size_t i = 2; i < text.size(); i += 2) {
    uint8_t byte = 0;
    if (std::from_chars(text.data() + i, text.data() + i + 2, byte, 16).ptr != text.data() + i + 2)
      return kBroken;
    bytes += static_cast<char>(byte);
  }
  return Bytes(bytes);
}

const char* ColumnBuilder::TextArray(std::string_view text) {
  if (text.starts_with("{{") || text.starts_with('['))
    return "it is an array of arrays, or does not begin at 1: leave the column out";
  if (!text.starts_with('{')) return kBroken;
  text.remove_prefix(1);
  int64_t count = 0;
  while (!text.starts_with('}')) {
    Element element = TakeElement(text);
    if (!element.whole) return kBroken;
    const char* wrong = element.value ? element_[0].Text(*element.value) : element_[0].Null();
    if (wrong) return wrong;
    ++count;
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  return EndList(count);
}

const char* ColumnBuilder::Text(std::string_view text) {
  switch (type_->wire) {
    case Wire::kBool: return Bool(text == "t");
    case Wire::kInt2: return Parsed<int16_t>(text);
    case Wire::kInt4: return Parsed<int32_t>(text);
    case Wire::kInt8: return Parsed<int64_t>(text);
    case Wire::kFloat4: return Parsed<float>(text);
    case Wire::kFloat8: return Parsed<double>(text);
    case Wire::kText:
    case Wire::kJsonb:
    case Wire::kUuid: return Bytes(text);
    case Wire::kBytea: return HexBytes(text);
    case Wire::kArray: return TextArray(text);
    case Wire::kNumeric: {
      if (type_->any_number) return Bytes(text);
      std::string wire;
      return EncodeNumeric(text, wire) ? Decimal(wire) : kBroken;
    }
    case Wire::kDate:
    case Wire::kTimestamp:
    case Wire::kTimestampTz: break;
  }
  Result<Time> time = ParseTime(text);
  if (!time.ok()) return "it is no time that the lake can hold";
  int64_t micros = time->time_since_epoch().count();
  if (type_->wire != Wire::kDate) return Fixed(micros);
  constexpr int64_t kDay = 86'400'000'000;
  return Fixed(static_cast<int32_t>((micros - (micros % kDay + kDay) % kDay) / kDay));
}

}  // namespace millrace::postgres
