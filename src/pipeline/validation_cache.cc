#include "pipeline/validation_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/hash.h"
#include "pipeline/files.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

constexpr size_t kMostUnused = 5000;  // entries kept though this validation did not ask for them

// Another build of the program, or another engine beside it, may find otherwise.
std::string ThisProgram() {
  struct stat info {};
  if (stat("/proc/self/exe", &info) != 0) return "";
  return std::to_string(info.st_size) + "." + std::to_string(info.st_mtim.tv_sec) + "." +
         std::to_string(info.st_mtim.tv_nsec);
}

std::optional<Schema> SchemaFrom(const Json& columns) {
  Schema schema;
  for (const Json& column : columns) {
    if (!column.is_array() || column.size() != 2) return std::nullopt;
    if (!column[0].is_string() || !column[1].is_string()) return std::nullopt;
    Result<Type> type = ParseType(column[1].get_ref<const std::string&>());
    if (!type.ok()) return std::nullopt;
    schema.columns.push_back({column[0].get<std::string>(), *std::move(type)});
  }
  return schema;
}

}  // namespace

struct ValidationCache::Entries {
  std::map<std::string, Json> all;  // by hash
  std::set<std::string> used;
  bool changed = false;
};

ValidationCache::ValidationCache(std::string file)
    : file_(std::move(file)), entries_(std::make_unique<Entries>()) {
  if (file_.empty()) return;
  Result<std::string> text = ReadTextFile(file_);
  if (!text.ok()) return;
  Json root = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("program") || !root.contains("entries")) return;
  if (root["program"] != ThisProgram() || !root["entries"].is_object()) return;
  for (auto& [hash, value] : root["entries"].items()) entries_->all.emplace(hash, std::move(value));
}

ValidationCache::~ValidationCache() {
  if (file_.empty() || !entries_->changed) return;
  bool too_many = entries_->all.size() > entries_->used.size() + kMostUnused;
  Json entries = Json::object();
  for (auto& [hash, value] : entries_->all) {
    if (!too_many || entries_->used.contains(hash)) entries[hash] = std::move(value);
  }
  Json root = {{"program", ThisProgram()}, {"entries", std::move(entries)}};
  std::string text = root.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::error_code error;
  fs::create_directories(fs::path(file_).parent_path(), error);
  // Renamed into place, so that no reader meets half of it.
  std::string aside = file_ + "." + std::to_string(getpid());
  std::ofstream(aside, std::ios::binary) << text;
  fs::rename(aside, file_, error);
  if (error) fs::remove(aside, error);
}

const Json* ValidationCache::Find(const std::string& hash) {
  auto found = entries_->all.find(hash);
  if (found == entries_->all.end()) return nullptr;
  entries_->used.insert(hash);
  return &found->second;
}

void ValidationCache::Add(const std::string& hash, Json value) {
  if (file_.empty()) return;
  entries_->all[hash] = std::move(value);
  entries_->used.insert(hash);
  entries_->changed = true;
}

std::optional<Schema> ValidationCache::FindSchema(const std::string& key) {
  if (key.empty()) return std::nullopt;
  const Json* columns = Find(Sha256Hex("schema " + key));
  if (!columns || !columns->is_array()) return std::nullopt;
  return SchemaFrom(*columns);
}

void ValidationCache::AddSchema(const std::string& key, const Schema& schema) {
  if (key.empty()) return;
  Json columns = Json::array();
  for (const Column& column : schema.columns) {
    columns.push_back(Json::array({column.name, column.type.ToSql()}));
  }
  Add(Sha256Hex("schema " + key), std::move(columns));
}

std::optional<StatementNames> ValidationCache::FindNames(const std::string& sql) {
  const Json* value = Find(Sha256Hex("names " + sql));
  if (!value || !value->is_object()) return std::nullopt;
  StatementNames names;
  for (const auto& [key, list] : value->items()) {
    for (const Json& item : list) {
      if (key == "volatile" && item.is_string()) names.volatile_calls.push_back(item);
      if (key != "tables" || !item.is_array() || item.size() != 2) continue;
      if (!item[0].is_string() || !item[1].is_number_unsigned()) return std::nullopt;
      names.tables.push_back({item[0].get<std::string>(), item[1].get<size_t>()});
    }
  }
  return names;
}

void ValidationCache::AddNames(const std::string& sql, const StatementNames& names) {
  Json tables = Json::array();
  for (const TableRef& table : names.tables) {
    tables.push_back(Json::array({table.name, table.offset}));
  }
  Add(Sha256Hex("names " + sql),
      {{"tables", std::move(tables)}, {"volatile", names.volatile_calls}});
}

bool ValidationCache::IsGood(const std::string& key) { return Find(Sha256Hex("good " + key)); }

void ValidationCache::AddGood(const std::string& key) { Add(Sha256Hex("good " + key), true); }

std::string ShapeText(const Schema& schema) {
  std::string text;
  for (const Column& column : schema.columns) {
    text +=
        std::to_string(column.name.size()) + ":" + column.name + " " + column.type.ToSql() + ";";
  }
  return text;
}

}  // namespace millrace
