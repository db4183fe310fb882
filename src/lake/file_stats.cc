#include "lake/file_stats.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

#include "lake/file_url.h"
#include "lake/json_text.h"
#include "lake/table_state.h"

namespace millrace {

namespace {

// As many columns as other writers describe by default: a table of 10,000 columns keeps a readable
// log.
constexpr size_t kMaxColumns = 32;
// Longer texts cost more in every entry than they save.
constexpr size_t kMaxText = 256;

bool IsPlainNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789.eE+-") == text.npos &&
         text.front() != '.' && text.back() != '.' &&
         (text.front() != '0' || text.size() == 1 || text[1] == '.');
}

// "2024-01-01 10:00:00.123456+00" → "2024-01-01T10:00:00.123456Z"
std::optional<std::string> TimestampText(const std::string& text, bool with_zone) {
  // ParseTime takes the years 0 to 9999; outside, no bound is given.
  Result<Time> time = ParseTime(text.ends_with("+00") ? text.substr(0, text.size() - 3) : text);
  if (!time.ok()) return std::nullopt;
  std::string formatted = FormatTime(*time);
  if (!with_zone) formatted.pop_back();
  return formatted;
}

// The bound as JSON text, or nullopt where none can be given.
std::optional<std::string> BoundJson(const std::optional<std::string>& bound, const Type& type) {
  if (!bound) return std::nullopt;
  switch (type.kind) {
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInteger:
    case TypeKind::kBigInt:
    case TypeKind::kDecimal:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return IsPlainNumber(*bound) ? bound : std::nullopt;
    case TypeKind::kDate:
      if (bound->size() != 10) return std::nullopt;
      return "\"" + *bound + "\"";
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: {
      auto text = TimestampText(*bound, type.kind == TypeKind::kTimestampTz);
      return text ? std::optional("\"" + *text + "\"") : std::nullopt;
    }
    case TypeKind::kVarchar:
      if (bound->size() > kMaxText) return std::nullopt;
      return PrintJson(Json(*bound));
    default:
      return std::nullopt;
  }
}

// A partition value as the protocol spells it.
std::string PartitionText(const std::string& value, const Type& type) {
  if (type.kind != TypeKind::kTimestampTz) return value;
  return TimestampText(value, true).value_or(value);
}

}  // namespace

std::string StatsJson(const ParquetFile& file, const Schema& schema) {
  std::string mins, maxs, nulls;
  auto put = [](std::string& object, const std::string& name, const std::string& json) {
    if (!object.empty()) object += ',';
    object += name + ":" + json;
  };
  size_t described = 0;
  for (const Column& column : schema.columns) {
    auto found = file.columns.find(column.name);
    if (found == file.columns.end()) continue;
    if (++described > kMaxColumns) break;
    const ParquetFile::ColumnStats& stats = found->second;
    std::string name = PrintJson(Json(column.name));
    put(nulls, name, std::to_string(stats.nulls));
    auto min = BoundJson(stats.min, column.type), max = BoundJson(stats.max, column.type);
    if (stats.has_nan || !min || !max) continue;
    put(mins, name, *min);
    put(maxs, name, *max);
  }
  return "{\"numRecords\":" + std::to_string(file.rows) + ",\"minValues\":{" + mins +
         "},\"maxValues\":{" + maxs + "},\"nullCount\":{" + nulls + "}}";
}

Result<AddFile> ToAddFile(const ParquetFile& file, const std::string& folder, const Schema& schema,
                          Time now) {
  if (!file.path.starts_with(folder + "/")) {
    return Internal("the engine wrote " + file.path + ", which is not below " + folder);
  }
  AddFile add;
  add.path = EncodePath(file.path.substr(folder.size() + 1));
  add.size = file.size;
  add.modified = ToMillis(now);
  add.stats = StatsJson(file, schema);
  for (const std::string& name : file.null_partitions) add.partition[name] = std::nullopt;
  for (const auto& [name, value] : file.partition) {
    const Column* column = schema.Find(name);
    if (!column) return Internal("no column for the partition " + name);
    add.partition[column->name] =
        value.empty() ? std::nullopt : std::optional(PartitionText(value, column->type));
  }
  return add;
}

}  // namespace millrace
