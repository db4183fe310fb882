#include "connect/postgres/place.h"

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace millrace::postgres {

namespace {

const char* NameOf(PlaceKind kind) {
  switch (kind) {
    case PlaceKind::kWhole: return "whole";
    case PlaceKind::kTransactions: return "transactions";
    case PlaceKind::kCursor: return "cursor";
  }
  return "";
}

}  // namespace

std::string Place::DigestOf(const std::optional<Position>& begin) {
  return begin ? Sha256Hex(begin->token).substr(0, 12) : "";
}

bool Place::Counts(const std::optional<Position>& begin) const {
  return rows >= 0 && from == DigestOf(begin);
}

Position Place::ToPosition() const {
  nlohmann::ordered_json json{{"read", NameOf(kind)}};
  if (kind == PlaceKind::kWhole) json["snapshot"] = snapshot;
  if (kind == PlaceKind::kTransactions) {
    json["xid"] = xid;
    if (!seen.empty()) json["seen"] = seen;
    json["file"] = file;
  }
  if (has_cursor) json["cursor"] = cursor;
  if (rows >= 0) json["rows"] = rows;
  if (!from.empty()) json["from"] = from;
  json["table"] = table;
  return {json.dump()};
}

Result<Place> Place::Parse(const Position& position, PlaceKind kind) {
  auto json = nlohmann::json::parse(position.token, nullptr, /*allow_exceptions=*/false);
  Status no_place =
      Invalid("'" + position.token.substr(0, 100) +
                  "' is not a position of this source: it was read another way before",
              "`--full-refresh` reads everything again");
  if (!json.is_object() || json.value("read", "") != NameOf(kind)) return no_place;
  try {
    Place place{.kind = kind,
                .snapshot = json.value("snapshot", ""),
                .xid = json.value("xid", uint64_t{0}),
                .seen = json.value("seen", std::vector<uint64_t>()),
                .cursor = json.value("cursor", ""),
                .has_cursor = json.contains("cursor"),
                .rows = json.value("rows", int64_t{-1}),
                .from = json.value("from", ""),
                .table = json.value("table", ""),
                .file = json.value("file", "")};
    return place;
  } catch (const nlohmann::json::exception&) {
    return no_place;
  }
}

}  // namespace millrace::postgres
