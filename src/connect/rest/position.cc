#include "connect/rest/position.h"

#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/hash.h"
#include "base/text.h"
#include "decode/inflate.h"

namespace millrace::rest {

namespace {

constexpr size_t kPiece = size_t{256} << 10;
constexpr size_t kDigits = 32;  // of a digest: half of it is enough to tell two fetches apart

// In the order of members and pages, which is not that in which they came.
std::string DigestOf(const Stage& stage) {
  std::vector<const StagedPage*> pages;
  for (const StagedPage& page : stage.pages()) {
    if (page.records > 0) pages.push_back(&page);
  }
  std::sort(pages.begin(), pages.end(), [](const StagedPage* a, const StagedPage* b) {
    return std::pair(a->member, a->number) < std::pair(b->member, b->number);
  });
  Sha256 digest;
  for (const StagedPage* page : pages) digest.Update(page->sha256);
  for (const GivenUp& each : stage.given_up()) digest.Update("-" + std::to_string(each.member));
  return digest.Hex().substr(0, kDigits);
}

std::optional<std::string> CursorOf(const std::string& line, const std::vector<std::string>& path,
                                    simdjson::dom::parser& parser) {
  simdjson::dom::element at;
  if (parser.parse(line).get(at) != simdjson::SUCCESS) return std::nullopt;
  for (const std::string& name : path) {
    simdjson::dom::element child;
    if (!at.is_object() || at[name].get(child) != simdjson::SUCCESS) return std::nullopt;
    at = child;
  }
  if (at.is_string()) return std::string(at.get_string().value_unsafe());
  return simdjson::minify(at);
}

// Over the records at the cursor or not longer before it than is looked back, in whatever order:
// what comes again when nothing is new.
Result<std::string> DigestOfTail(const Stage& stage, const std::string& field,
                                 const CursorOrder& order, const std::string& from) {
  std::vector<std::string> tail, path = Split(field, '.');
  simdjson::dom::parser parser;
  std::set<int> lanes;
  for (const StagedPage& page : stage.pages()) lanes.insert(page.lane);
  for (int lane : lanes) {
    std::unique_ptr<ByteReader> bytes = TRY(OpenBytes(stage.LanePath(lane), Compression::kZstd));
    std::string text;
    std::vector<char> piece(kPiece);
    for (;;) {
      size_t got = TRY(bytes->Read(piece.data(), piece.size()));
      if (got == 0) break;
      text.append(piece.data(), got);
      size_t begin = 0;
      for (size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
        std::string line = text.substr(begin, end - begin);
        std::optional<std::string> cursor = CursorOf(line, path, parser);
        if (cursor && !order.Less(*cursor, from)) tail.push_back(Sha256Hex(line));
      }
      text.erase(0, begin);
    }
  }
  std::sort(tail.begin(), tail.end());
  return Sha256Hex(Join(tail, "")).substr(0, kDigits);
}

void AddTree(const YamlNode& node, std::string& text) {
  text += node.IsMap() ? "{" : node.IsList() ? "[" : "\"" + node.scalar + "\"";
  for (const auto& [key, value] : node.entries) {
    text += key.scalar + ":";
    AddTree(value, text);
  }
  for (const YamlNode& item : node.items) AddTree(item, text);
  text += ",";
}

}  // namespace

Position FetchPosition::ToPosition() const {
  Json json = {{"rows", rows}};
  if (cursor) json["cursor"] = *cursor;
  return {json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Result<FetchPosition> FetchPosition::Parse(const Position& position) {
  Json json = Json::parse(position.token, nullptr, /*allow_exceptions=*/false);
  bool good = json.is_object() && json.contains("rows") && json["rows"].is_string() &&
              (!json.contains("cursor") || json["cursor"].is_string());
  if (!good) return Invalid("'" + CutText(position.token, 100) + "' is not a position in an API");
  FetchPosition parsed{.rows = json["rows"].get<std::string>()};
  if (json.contains("cursor")) parsed.cursor = json["cursor"].get<std::string>();
  return parsed;
}

Result<FetchPosition> PositionOf(const Stage& stage, const SourceConfig& config,
                                 const CursorOrder& order, const std::string& begin) {
  if (!config.incremental_sync) return FetchPosition{.rows = DigestOf(stage)};
  std::optional<FetchPosition> before;
  if (!begin.empty()) before = TRY(FetchPosition::Parse({begin}));
  std::optional<std::string> cursor;
  if (before) cursor = before->cursor;
  bool any = false;
  for (const StagedPage& page : stage.pages()) {
    any = any || page.records > 0;
    if (page.cursor && (!cursor || order.Less(*cursor, *page.cursor))) cursor = page.cursor;
  }
  if (before && !any) return *before;
  if (!cursor) return FetchPosition{.rows = DigestOf(stage)};
  const IncrementalSync& sync = *config.incremental_sync;
  std::string from = TRY(order.Back(*cursor, sync.lookback_window.value_or(Micros(0))));
  return FetchPosition{.rows = TRY(DigestOfTail(stage, sync.cursor_field, order, from)),
                       .cursor = cursor};
}

std::string DefinitionOf(const SourceConfig& config) {
  Sha256 digest;
  auto add = [&](std::string_view text) {
    digest.Update(std::to_string(text.size()) + ":");
    digest.Update(text);
  };
  auto add_all = [&](const std::map<std::string, std::string>& values) {
    for (const auto& [name, value] : values) {
      add(name);
      add(value);
    }
    add("");
  };
  for (const std::string* text :
       {&config.url_base, &config.url, &config.method, &config.records, &config.paginator.param,
        &config.paginator.size_param, &config.paginator.cursor})
    add(*text);
  std::string body;
  AddTree(config.body, body);
  add(body);
  add(std::to_string(static_cast<int>(config.format)) + config.csv.encoding);
  add_all(config.csv.columns);
  add_all(config.params);
  add_all(config.headers);
  add(std::to_string(static_cast<int>(config.paginator.type)) + " " +
      std::to_string(config.paginator.page_size.value_or(-1)) + " " +
      std::to_string(config.paginator.start) + " " +
      std::to_string(static_cast<int>(config.paginator.inject_into)));
  if (config.for_each) {
    const ForEach& each = *config.for_each;
    for (const auto& list :
         {std::vector<std::string>{each.table, each.where}, each.column, each.values}) {
      for (const std::string& text : list) add(text);
      add("");
    }
  }
  if (config.incremental_sync) {
    const IncrementalSync& sync = *config.incremental_sync;
    for (const std::string* text : {&sync.cursor_field, &sync.start, &sync.end, &sync.start_param,
                                    &sync.end_param, &sync.datetime_format})
      add(*text);
  }
  return digest.Hex().substr(0, kDigits);
}

}  // namespace millrace::rest
