#include "lake/lake.h"

#include <algorithm>
#include <cctype>

#include "lake/engine_reach.h"
#include "lake/log_file_name.h"
#include "lake/table.h"
#include "lake/table_log.h"

namespace millrace {

namespace {

bool IsPlainName(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front()))) return false;
  return std::ranges::all_of(
      name, [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)); });
}

class DeltaLake final : public Lake {
 public:
  DeltaLake(LakeStorage storage, Env& env, Engine& engine)
      : storage_(std::move(storage.storage)),
        env_(env),
        engine_(engine),
        reach_(std::move(storage.stores), engine) {}

  std::unique_ptr<Table> Open(const TableName& name) override {
    return MakeDeltaTable({*storage_, engine_, env_.clock, cache_, reach_}, name);
  }

  Result<std::vector<TableName>> Tables() override {
    std::vector<TableName> names;
    for (const std::string& layer : TRY(storage_->Folders(""))) {
      if (!IsPlainName(layer)) continue;
      for (const std::string& table : TRY(storage_->Folders(layer))) {
        // A first write that was killed leaves a folder, and perhaps a log without entries: no
        // table.
        if (IsPlainName(table) && TRY(HasLog(layer + "/" + table))) names.push_back({layer, table});
      }
    }
    std::ranges::sort(names);
    return names;
  }

  Storage& storage() override { return *storage_; }

 private:
  Result<bool> HasLog(const std::string& folder) {
    std::string log = folder + "/_delta_log";
    if (storage_->Stat(log + "/" + EntryName(0)).ok()) return true;
    std::vector<FileInfo> files = TRY(storage_->List(log));
    return std::ranges::any_of(files, [&](const FileInfo& file) {
      return ParseLogFileName(file.path.substr(log.size() + 1)).has_value();
    });
  }

  std::unique_ptr<Storage> storage_;
  Env& env_;
  Engine& engine_;
  StateCache cache_;
  EngineReach reach_;
};

}  // namespace

Result<TableName> ParseTableName(std::string_view text) {
  size_t dot = text.find('.');
  std::string_view layer = text.substr(0, dot);
  std::string_view table = dot == text.npos ? "" : text.substr(dot + 1);
  if (!IsPlainName(layer) || !IsPlainName(table)) {
    return Invalid("'" + std::string(text) + "' is not the name of a lake table",
                   "write layer.table, each of letters, digits and '_'");
  }
  return TableName{std::string(layer), std::string(table)};
}

std::unique_ptr<Lake> OpenLake(LakeStorage storage, Env& env, Engine& engine) {
  return std::make_unique<DeltaLake>(std::move(storage), env, engine);
}

std::unique_ptr<Lake> OpenLake(const std::string& folder, Env& env, Engine& engine) {
  return OpenLake(LakeStorage{OpenLocalStorage(folder), nullptr}, env, engine);
}

}  // namespace millrace
