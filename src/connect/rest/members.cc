#include "connect/rest/members.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/text.h"
#include "config/json.h"
#include "connect/rest/cursor.h"
#include "net/http/url.h"

namespace millrace::rest {

namespace {

constexpr size_t kMostMembers = 1'000'000;
constexpr size_t kMostWindows = 100'000;

// The name in "{each.id}" at `at`, or "".
std::string_view NameAt(std::string_view text, size_t at) {
  size_t end = text.find('}', at);
  if (end == text.npos) return "";
  std::string_view name = text.substr(at + 1, end - at - 1);
  if (name == "cursor" || name == "window.start" || name == "window.end") return name;
  return name.starts_with("each.") && IsName(name.substr(5)) ? name : "";
}

Status TooMany(size_t most, const std::string& what, const std::string& hint) {
  return {Code::kExhausted, "more than " + FormatCount(static_cast<int64_t>(most)) + " " + what,
          hint};
}

Member OfRow(const std::vector<std::string>& columns,
             const std::vector<std::optional<std::string>>& row, bool add) {
  Member member;
  std::vector<std::string> prefix;
  for (size_t i = 0; i < columns.size(); ++i) {
    member.values["each." + columns[i]] = row[2 * i].value_or("");
    prefix.push_back(Json("each_" + columns[i]).dump() + ":" + row[2 * i + 1].value_or("null"));
  }
  if (add) member.prefix = Join(prefix, ",");
  return member;
}

// In the order of the keys: what comes out does not depend on the table's files.
Result<std::vector<Member>> OfTable(const ForEach& each, ConnectContext& context,
                                    std::stop_token stop) {
  if (!context.engine) return Internal("for_each over a table needs an engine");
  std::unique_ptr<Table> table = context.lake.Open(TRY(ParseTableName(each.table)));
  Result<Snapshot> snapshot = table->Load();
  if (!snapshot.ok()) return snapshot.status().In("for_each");
  std::unique_ptr<Session> session = TRY(context.engine->Open(context.task + " for_each"));
  Sql scan = TRY(table->Scan(*session, *snapshot));
  std::vector<std::string> items, keys;
  for (const std::string& column : each.column) {
    if (!snapshot->schema.Find(column)) {
      std::string closest = Closest(column, snapshot->schema.Names());
      return NotFound("for_each: " + each.table + " has no column '" + column + "'",
                      closest.empty() ? "it has " + Join(snapshot->schema.Names(), ", ")
                                      : "did you mean '" + closest + "'?");
    }
    std::string name = SqlName(column);
    items.push_back("CAST(" + name + " AS VARCHAR), CAST(to_json(" + name + ") AS VARCHAR)");
    keys.push_back(name);
  }
  std::string where = each.where.empty() ? "" : " WHERE (" + each.where + "\n)";
  auto rows =
      session->Collect({"SELECT " + Join(items, ", ") + " FROM (SELECT DISTINCT " +
                        Join(keys, ", ") + " FROM (" + scan.text + ")" + where + ") ORDER BY " +
                        Join(keys, ", ") + " LIMIT " + std::to_string(kMostMembers + 1)},
                       stop);
  if (!rows.ok()) return rows.status().In("for_each");
  if (rows->size() > kMostMembers)
    return TooMany(kMostMembers, "keys in " + each.table, "choose some by `where`");
  std::vector<Member> members;
  for (const auto& row : *rows) {
    bool null = std::any_of(row.begin(), row.end(), [](const auto& cell) { return !cell; });
    if (!null) members.push_back(OfRow(each.column, row, each.add.value_or(true)));
  }
  return members;
}

std::vector<Member> OfList(const ForEach& each) {
  std::vector<Member> members;
  for (const std::string& value : each.values)
    members.push_back(OfRow({"value"}, {value, Json(value).dump()}, each.add.value_or(true)));
  return members;
}

struct Window {
  std::string start, end;
};

// From the last cursor, or the configured start, to now or the configured end.
Result<std::vector<Window>> Windows(const IncrementalSync& sync,
                                    const std::optional<std::string>& cursor, Time now) {
  CursorOrder order{sync.cursor_type, sync.datetime_format};
  std::string from = sync.start;
  if (cursor) from = TRY(order.Back(*cursor, sync.lookback_window.value_or(Micros(0))));
  if (sync.cursor_type != CursorType::kTime) return std::vector<Window>{{from, sync.end}};
  Time end = sync.end.empty() ? now : TRY(ParseCursorTime(sync.end));
  auto text = [&](Time time) { return FormatCursorTime(time, sync.datetime_format); };
  if (from.empty()) return std::vector<Window>{{"", text(end)}};
  Time start = TRY(ParseCursorTime(from));
  if (!sync.step) return std::vector<Window>{{text(start), text(end)}};
  std::vector<Window> windows;
  while (start < end || windows.empty()) {
    Time next = std::min(end, start + *sync.step);
    Micros gap = next < end ? sync.cursor_granularity.value_or(Micros(0)) : Micros(0);
    windows.push_back({text(start), text(next - gap)});
    if (windows.size() > kMostWindows)
      return TooMany(kMostWindows, "windows", "raise `incremental_sync.step`");
    if (next <= start) break;
    start = next;
  }
  return windows;
}

}  // namespace

std::string Fill(const std::string& text, const Member& member, bool encode) {
  std::string filled;
  size_t done = 0;
  for (size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    std::string_view name = NameAt(text, at);
    auto value = member.values.find(std::string(name));
    if (name.empty() || value == member.values.end()) continue;
    filled += text.substr(done, at - done);
    filled += encode ? http::PercentEncode(value->second) : value->second;
    done = at + name.size() + 2;
  }
  return filled + text.substr(done);
}

std::vector<std::string> NamesIn(const std::string& text) {
  std::vector<std::string> names;
  for (size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    std::string_view name = NameAt(text, at);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

std::string DigestOf(const std::vector<Member>& members) {
  Sha256 digest;
  for (const Member& member : members) {
    Json values(member.values);
    digest.Update(values.dump(-1, ' ', false, Json::error_handler_t::replace) + member.prefix);
  }
  return digest.Hex();
}

Result<std::vector<Member>> FindMembers(const SourceConfig& config, ConnectContext& context,
                                        const std::optional<std::string>& cursor, Time now,
                                        std::stop_token stop) {
  std::vector<Member> members(1);
  if (config.for_each) {
    const ForEach& each = *config.for_each;
    members = each.table.empty() ? OfList(each) : TRY(OfTable(each, context, stop));
  }
  if (!config.incremental_sync) return members;
  std::vector<Member> all;
  std::vector<Window> windows = TRY(Windows(*config.incremental_sync, cursor, now));
  for (const Member& member : members) {
    for (const Window& window : windows) {
      all.push_back(member);
      all.back().values["window.start"] = all.back().values["cursor"] = window.start;
      all.back().values["window.end"] = window.end;
    }
  }
  return all;
}

}  // namespace millrace::rest
