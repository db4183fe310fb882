#include "pipeline/schema_cache.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "config/json.h"
#include "pipeline/files.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

constexpr int kFormat = 1;
constexpr size_t kMostSchemas =
    5000;  // then it starts anew: entries of changed files are never asked for again

std::optional<Schema> FromJson(const Json& columns) {
  Schema schema;
  if (!columns.is_array()) return std::nullopt;
  for (const Json& column : columns) {
    if (!column.is_array() || column.size() != 2 || !column[0].is_string() ||
        !column[1].is_string()) {
      return std::nullopt;
    }
    Result<Type> type = ParseType(column[1].get<std::string>());
    if (!type.ok()) return std::nullopt;
    schema.columns.push_back({column[0].get<std::string>(), *std::move(type)});
  }
  return schema;
}

}  // namespace

SchemaCache::SchemaCache(std::string file) : file_(std::move(file)) { Read(); }

void SchemaCache::Read() {
  if (file_.empty()) return;
  Result<std::string> text = ReadTextFile(file_);
  if (!text.ok()) return;
  Json root = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || root.value("format", 0) != kFormat || !root.contains("schemas")) return;
  for (const auto& [key, columns] : root["schemas"].items()) {
    std::optional<Schema> schema = FromJson(columns);
    if (schema) schemas_[key] = *std::move(schema);
  }
}

SchemaCache::~SchemaCache() {
  if (file_.empty() || !changed_) return;
  Json schemas = Json::object();
  for (const auto& [key, schema] : schemas_) {
    Json columns = Json::array();
    for (const Column& column : schema.columns)
      columns.push_back({column.name, column.type.ToSql()});
    schemas[key] = std::move(columns);
  }
  std::string text = Json{{"format", kFormat}, {"schemas", std::move(schemas)}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
  std::error_code error;
  fs::create_directories(fs::path(file_).parent_path(), error);
  // Renamed into place, so that no reader meets half of it.
  std::string aside = file_ + "." + std::to_string(getpid());
  std::ofstream(aside, std::ios::binary) << text;
  fs::rename(aside, file_, error);
  if (error) fs::remove(aside, error);
}

std::optional<Schema> SchemaCache::Find(const std::string& key) const {
  auto found = schemas_.find(Sha256Hex(key));
  if (key.empty() || found == schemas_.end()) return std::nullopt;
  return found->second;
}

void SchemaCache::Add(const std::string& key, const Schema& schema) {
  if (key.empty() || file_.empty()) return;
  if (schemas_.size() >= kMostSchemas) schemas_.clear();
  schemas_[Sha256Hex(key)] = schema;
  changed_ = true;
}

}  // namespace millrace
