#include "pipeline/shapes.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "pipeline/ends.h"
#include "pipeline/yaml_tree.h"
#include "store/tables.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

Column Text(const char* name) { return {name, Type{.kind = TypeKind::kVarchar}}; }
Column When(const char* name) { return {name, Type{.kind = TypeKind::kTimestampTz}}; }

void AddMissing(Schema& schema, const std::vector<Column>& columns) {
  for (const Column& column : columns) {
    if (!schema.Find(column.name)) schema.columns.push_back(column);
  }
}

// A connector's config as a map: `file: a.csv` is `file: {path: a.csv}`.
YamlNode Spread(const YamlNode& config, const SpecInfo& info) {
  return config.IsMap() ? config : MapOf(info.short_field, config);
}

// What the files that land are called where they come from: `pattern` picks among the files of
// `path`.
std::string PathBeforeLanding(const std::string& path, const std::string& pattern) {
  std::string name = fs::path(pattern).filename().string();
  bool many = path.find_first_of("*?[") != std::string::npos || !fs::path(path).has_extension();
  if (!many || name.empty()) return path;
  fs::path folder = fs::path(path).has_extension() ? fs::path(path).parent_path() : fs::path(path);
  return (folder / name).string();
}

}  // namespace

std::vector<Column> RejectColumns() {
  return {Text("_rule"),   Text("_reason"),      When("_rejected_at"),
          Text("_run_id"), Text("_source_file"), {"_line", Type{.kind = TypeKind::kBigInt}},
          Text("_raw")};
}

Shapes::Shapes(const std::vector<Pipeline*>& pipelines, CheckSession& session)
    : context_(session.context()), session_(session) {
  for (const Pipeline* pipeline : pipelines) {
    for (const Task& task : pipeline->tasks) {
      for (const std::string& name : task.writes) {
        writers_[name].push_back({pipeline, &task});
        spelled_.emplace(ToLower(name), name);
      }
    }
  }
}

std::string Shapes::Spelled(const std::string& table) const {
  auto found = spelled_.find(ToLower(table));
  return found == spelled_.end() ? table : found->second;
}

const std::vector<Writer>& Shapes::WritersOf(const std::string& table) const {
  static const std::vector<Writer> kNone;
  auto found = writers_.find(table);
  return found == writers_.end() ? kNone : found->second;
}

std::vector<std::string> Shapes::TableNames() const {
  std::vector<std::string> names;
  for (const auto& [name, writers] : writers_) {
    if (IsTable(name)) names.push_back(name);
  }
  Result<std::vector<TableName>> in_lake = context_.connect.lake.Tables();
  if (in_lake.ok()) {
    for (const TableName& name : *in_lake) names.push_back(name.ToString());
  }
  for (const StoreTable& table : StoreTables()) names.emplace_back(table.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::optional<Snapshot> Shapes::InLake(const std::string& table) {
  auto [entry, is_new] = lake_.try_emplace(table);
  Result<TableName> name = ParseTableName(table);
  if (!is_new || !name.ok()) return entry->second;
  std::unique_ptr<Table> opened = context_.connect.lake.Open(*name);
  Result<bool> exists = opened->Exists();
  if (!exists.ok() || !*exists) return std::nullopt;
  Result<Snapshot> snapshot = opened->Load();
  if (snapshot.ok()) entry->second = *std::move(snapshot);
  return entry->second;
}

Shapes::Shape Shapes::OfTable(const std::string& table) {
  if (const StoreTable* store = FindStoreTable(table)) return {Known::kYes, store->schema};
  auto written = written_.find(table);
  if (written != written_.end()) {
    if (!written->second) return {};
    return {Known::kYes, *written->second};
  }
  if (std::optional<Snapshot> snapshot = InLake(table)) return {Known::kYes, snapshot->schema};
  // A writer that is not checked yet: a task that reads its own table.
  return {WritersOf(table).empty() ? Known::kNoTable : Known::kNoSchema, {}};
}

Result<std::optional<Schema>> Shapes::Describe(const Pipeline& pipeline, const Task& task,
                                               const Registry::MakeSource& make) {
  ConnectContext& base = context_.connect;
  ConnectContext context{base.env, base.lake, pipeline.folder, base.state_folder, "", task.key};
  std::unique_ptr<Source> source = TRY(make(context));
  std::string key = source->SchemaKey();
  if (std::optional<Schema> cached = session_.cache().FindSchema(key)) return cached;
  std::optional<Schema> schema = TRY(source->Describe(*TRY(session_.Engine()), {}));
  if (schema) session_.cache().AddSchema(key, *schema);
  return schema;
}

// Before the first run nothing has landed; then the files that will land tell.
std::optional<Schema> Shapes::OfWhatWillLand(const Input& input) {
  if (!input.entry || !input.entry->source) return std::nullopt;
  for (const Writer& writer : WritersOf(input.traits.reads)) {
    for (const Input& origin : writer.task->inputs) {
      if (!origin.entry || !origin.entry->source || origin.entry->source->short_field.empty())
        continue;
      const SpecInfo& info = *origin.entry->source;
      YamlNode own = Spread(input.config, *input.entry->source),
               config = Spread(origin.config, info);
      const YamlNode* path = config.Find(info.short_field);
      const YamlNode* pattern = own.Find(input.entry->source->short_field);
      if (!path || !path->IsScalar()) continue;
      std::string before = PathBeforeLanding(path->scalar, pattern ? pattern->scalar : "");
      YamlNode reads = MapOf(info.short_field, ScalarLike(*path, before));
      auto take = [&](const YamlNode& from) {
        for (const auto& [key, value] : from.entries) {
          bool known = std::ranges::find(info.fields, key.scalar, &FieldInfo::key) !=
                       info.fields.end();
          if (known && reads.Find(key.scalar) == nullptr) reads.entries.emplace_back(key, value);
        }
      };
      take(own);  // what the rows are
      take(config);  // where the files are
      Diagnostics ignored;
      std::optional<Registry::ParsedSource> parsed = origin.entry->parse_source(reads, ignored);
      if (!parsed) continue;
      Result<std::optional<Schema>> schema = Describe(*writer.pipeline, *writer.task, parsed->make);
      if (schema.ok() && *schema) return *schema;
    }
  }
  return std::nullopt;
}

Shapes::Shape Shapes::OfSource(const Pipeline& pipeline, const Task& task, const Input& input,
                               Diagnostics& diagnostics) {
  Result<std::optional<Schema>> schema = Describe(pipeline, task, input.make);
  if (schema.ok() && *schema) return {Known::kYes, **schema};
  if (!input.traits.reads.empty()) {
    bool lands = input.traits.reads.starts_with("landing/");
    std::optional<Schema> later = lands ? OfWhatWillLand(input) : std::nullopt;
    if (later) return {Known::kYes, *later};
    if (!WritersOf(input.traits.reads).empty()) return {};
  }
  if (schema.ok()) return {};
  const Status& status = schema.status();
  Place place = input.config.place.line ? input.config.place : input.place;
  if (status.code() == Code::kInvalid || status.code() == Code::kRejected) {
    diagnostics.Error(place, status.message(), status.hint());
  } else {
    diagnostics.Warn(place, status.message(), status.hint());
  }
  return {};
}

void Shapes::AddTable(const std::string& table, const Schema& schema, bool replaces) {
  auto [entry, is_new] = written_.try_emplace(table, Schema());
  if (!entry->second) return;
  if (is_new && !replaces) {
    if (std::optional<Snapshot> snapshot = InLake(table)) entry->second = snapshot->schema;
  }
  AddMissing(*entry->second, schema.columns);
}

void Shapes::AddOutputs(const Task& task) {
  for (const Target& target : task.targets) {
    const std::string& table = target.traits.writes;
    if (table.empty()) continue;
    if (!task.schema) {
      written_[table] = std::nullopt;
      continue;
    }
    Schema schema = *task.schema;
    for (const std::string& name : target.traits.exclude) {
      std::erase_if(schema.columns,
                    [&](const Column& column) { return ToLower(column.name) == ToLower(name); });
    }
    if (AddsMetadata(task, target)) AddMissing(schema, {When("_ingested_at"), Text("_run_id")});
    AddTable(table, schema, target.traits.replaces);
  }
  for (const Target& target : task.rejects) {
    const std::string& table = target.traits.writes;
    if (table.empty()) continue;
    if (!task.schema) {
      written_[table] = std::nullopt;
      continue;
    }
    Schema schema = *task.schema;
    AddMissing(schema, RejectColumns());
    AddTable(table, schema, target.traits.replaces);
  }
}

}  // namespace millrace
