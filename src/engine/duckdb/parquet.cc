#include "engine/duckdb/parquet.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace millrace::duck {

namespace {

// Half of DuckDB's own: a row group is what one core reads, and tables of some 100,000 rows are
// read on all of them. The files grow by less than a hundredth.
constexpr int64_t kRowGroupRows = 61'440;

// Rows that come straight from a source are written at the rate they come: zstd's first level, and
// no dictionary is begun for a column that has more values than this in a row group. On records of
// users it takes a quarter less time, and the files are a twentieth larger.
constexpr const char* kAsTheyCome = ", PRESERVE_ORDER false, DICTIONARY_SIZE_LIMIT 1024";

// The column's name when `path` is that of a top-level column: "a" but not "s"."x".
std::optional<std::string> TopLevel(std::string_view path) {
  if (path.size() < 2 || path.front() != '"') return std::string(path);
  std::string name;
  for (size_t at = 1; at < path.size(); ++at) {
    if (path[at] == '"') {
      if (at + 1 == path.size()) return name;
      if (path[at + 1] != '"') return std::nullopt;
      ++at;
    }
    name += path[at];
  }
  return std::nullopt;
}

ParquetFile::ColumnStats ToStats(const std::vector<WrittenFile::Pair>& pairs) {
  ParquetFile::ColumnStats stats;
  for (const auto& [key, value] : pairs) {
    if (!value) continue;
    if (key == "min") stats.min = *value;
    if (key == "max") stats.max = *value;
    if (key == "null_count") stats.nulls = std::strtoll(value->c_str(), nullptr, 10);
    if (key == "has_nan") stats.has_nan = *value == "true";
  }
  return stats;
}

// Its options are open.
std::string CopyTo(const std::string& select, const std::string& path,
                   const ParquetOptions& options) {
  std::string compression = options.compression == "none" ? "uncompressed" : options.compression;
  return "COPY (" + select + "\n) TO " + SqlLiteral(path) +
         " (FORMAT parquet, ROW_GROUP_SIZE " + std::to_string(kRowGroupRows) +
         ", RETURN_STATS, COMPRESSION " + SqlLiteral(compression);
}

}  // namespace

std::string CopyToOneParquet(const std::string& select, const ParquetOptions& options) {
  return CopyTo(select, options.folder + "/" + options.prefix + "0.parquet", options) + ")";
}

std::string CopyToParquet(const std::string& select, const ParquetOptions& options,
                          bool keep_order) {
  std::string sql = CopyTo(select, options.folder, options) +
                    ", OVERWRITE_OR_IGNORE true, FILENAME_PATTERN " +
                    SqlLiteral(options.prefix + "{i}");
  if (!keep_order) {
    sql += kAsTheyCome;
    if (options.compression == "zstd") sql += ", COMPRESSION_LEVEL 1";
  }
  if (options.partition_by.empty()) {
    sql += ", WRITE_EMPTY_FILE false, FILE_SIZE_BYTES " + std::to_string(options.target_file_size);
  } else {
    std::vector<std::string> names;
    for (const std::string& name : options.partition_by) names.push_back(SqlName(name));
    sql += ", PARTITION_BY (" + Join(names, ", ") + ")";
  }
  return sql + ")";
}

ParquetFile ToParquetFile(WrittenFile written, const ParquetOptions& options) {
  ParquetFile file{.path = std::move(written.path), .rows = written.rows, .size = written.size};
  for (const auto& [path, pairs] : written.columns) {
    std::optional<std::string> name = TopLevel(path);
    if (name) file.columns.emplace(*std::move(name), ToStats(pairs));
  }
  for (const std::string& column : options.partition_by) {
    auto found = std::find_if(
        written.partition.begin(), written.partition.end(),
        [&](const WrittenFile::Pair& pair) { return ToLower(pair.key) == ToLower(column); });
    if (found != written.partition.end() && found->value) {
      file.partition.emplace(column, *found->value);
    } else {
      file.null_partitions.push_back(column);
    }
  }
  return file;
}

Result<std::string> CopyToFile(const std::string& select, const std::string& path,
                               std::string_view format,
                               const std::map<std::string, std::string>& options) {
  static const std::map<std::string, std::string, std::less<>> kFormats = {
      {"csv", "FORMAT csv"},
      {"json", "FORMAT json, ARRAY true"},
      {"ndjson", "FORMAT json"},
      {"parquet", "FORMAT parquet"}};
  auto found = kFormats.find(format);
  if (found == kFormats.end()) {
    return Invalid("unknown format '" + std::string(format) + "'",
                   "one of csv, json, ndjson, parquet");
  }
  std::string sql = "COPY (" + select + "\n) TO " + SqlLiteral(path) + " (" + found->second;
  for (const auto& [key, value] : options) {
    bool word = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    });
    if (!word) return Invalid("'" + key + "' is not the name of an option");
    sql += ", " + key + " " + SqlLiteral(value);
  }
  if (format == "parquet" && !options.contains("compression")) sql += ", compression 'zstd'";
  return sql + ")";
}

}  // namespace millrace::duck
