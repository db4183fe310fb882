#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "base/hash.h"
#include "base/text.h"
#include "config/yaml.h"
#include "conformance/suite.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

std::string FreshFolder() {
  std::string pattern = (fs::temp_directory_path() / "millrace_conformance_XXXXXX").string();
  return ::mkdtemp(pattern.data());
}

}  // namespace

World::World(const MakeLake& lake, const std::string& folder)
    : own_(folder.empty()), folder_(own_ ? FreshFolder() : folder), env_{SystemClock()} {
  engine_ = *OpenDuckDb(
      {.memory_limit = int64_t{512} << 20, .threads = 2, .spill_folder = folder_ + "/spill"});
  std::unique_ptr<Storage> storage =
      lake ? lake(folder_) : OpenLocalStorage(folder_ + "/lake");
  lake_ = OpenLake(LakeStorage{std::move(storage)}, env_, *engine_);
  session_ = *engine_->Open("suite");
  RegisterConnectors(registry_);
}

World::~World() {
  session_.reset();
  lake_.reset();
  engine_.reset();
  if (own_) fs::remove_all(folder_);
}

ConnectContext& World::Keep(const std::string& task) {
  // Each source and sink is that of another run.
  std::string run = "suite-run-" + std::to_string(contexts_.size());
  contexts_.push_back(std::make_unique<ConnectContext>(
      ConnectContext{env_, *lake_, folder_, folder_ + "/.millrace", run, task, engine_.get()}));
  return *contexts_.back();
}

std::string World::NameOf(const std::string& folder) {
  return "w" + Sha256Hex(folder).substr(0, 20);
}

YamlNode World::Parse(std::string yaml, Diagnostics& diagnostics) const {
  constexpr std::string_view kName = "@WORLD@";
  for (size_t at; (at = yaml.find(kName)) != yaml.npos;) {
    yaml.replace(at, kName.size(), NameOf(folder_));
  }
  return ParseYaml(yaml, "suite.yml", diagnostics);
}

Result<std::unique_ptr<Source>> World::MakeSource(const std::string& connector,
                                                  const std::string& yaml,
                                                  const std::string& task) {
  const Registry::Entry* entry = registry_.Find(connector);
  if (!entry || !entry->parse_source) return NotFound("no source '" + connector + "'");
  Diagnostics diagnostics;
  auto parsed = entry->parse_source(Parse(yaml, diagnostics), diagnostics);
  if (!parsed) return diagnostics.ToStatus();
  return parsed->make(Keep(task));
}

Result<std::unique_ptr<Sink>> World::MakeSink(const std::string& connector, const std::string& yaml,
                                              const std::string& task) {
  const Registry::Entry* entry = registry_.Find(connector);
  if (!entry || !entry->parse_sink) return NotFound("no sink '" + connector + "'");
  Diagnostics diagnostics;
  auto parsed = entry->parse_sink(Parse(yaml, diagnostics), diagnostics);
  if (!parsed) return diagnostics.ToStatus();
  return parsed->make(Keep(task));
}

std::vector<std::string> World::Lines(const std::string& sql) {
  auto rows = session_->Collect({"SELECT * FROM (" + sql + ") ORDER BY ALL"}, {});
  if (!rows.ok()) return {rows.status().ToString()};
  std::vector<std::string> lines;
  for (const auto& row : *rows) {
    std::vector<std::string> cells;
    for (const auto& cell : row) cells.push_back(cell.value_or("NULL"));
    lines.push_back(Join(cells, "|"));
  }
  return lines;
}

std::vector<std::string> World::Files() const {
  std::vector<std::string> files;
  for (const auto& each : fs::recursive_directory_iterator(folder_)) {
    std::string path = fs::relative(each.path(), folder_).string();
    if (each.is_regular_file() && !path.starts_with("spill/")) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::unique_ptr<Sink>> WriteUncommitted(World& world, const SinkKind& kind,
                                               const std::string& task, int64_t sequence,
                                               const std::string& statement) {
  std::string rows = "SELECT " + kind.columns + " FROM (" + statement + ")";
  std::unique_ptr<Sink> sink = TRY(world.MakeSink(kind.connector, kind.config, task));
  Description description = TRY(world.session().Describe({rows}));
  WriteIntent intent{.id = {task, sequence}, .now = SystemClock().Now()};
  TRY(sink->Open(sink->TakesRows() ? description.schema : Schema(), intent, {}));
  if (sink->TakesRows()) {
    TRY(sink->WriteFrom(world.session(), {rows}, {}));
  } else {
    std::string file = world.Path("incoming-" + std::to_string(sequence) + ".parquet");
    TRY(world.session().WriteFile({rows}, file, "parquet", {}, {}));
    TRY(sink->TakeFiles({{{.path = file}}}, {}));
  }
  return sink;
}

Status WriteOnce(World& world, const SinkKind& kind, const std::string& task, int64_t sequence,
                 const std::string& rows) {
  std::unique_ptr<Sink> sink = TRY(WriteUncommitted(world, kind, task, sequence, rows));
  return sink->Commit(
      {{task, sequence}, "position " + std::to_string(sequence), SystemClock().Now()}, {});
}

std::string Ids(int first, int last) {
  return "SELECT range AS id, 'v' || range AS v FROM range(" + std::to_string(first) + ", " +
         std::to_string(last + 1) + ")";
}

std::string EveryType() {
  std::vector<std::pair<const char*, const char*>> values = {
      {"b", "true"},
      {"t", "(-128)::TINYINT"},
      {"s", "32767::SMALLINT"},
      {"i", "(-2147483648)::INTEGER"},
      {"l", "9223372036854775807::BIGINT"},
      {"f", "1.5::FLOAT"},
      {"d", "-0.1::DOUBLE"},
      {"n", "12345678.90::DECIMAL(18,2)"},
      {"v", "'é,\"x\"' || chr(10) || '日本'"},
      {"x", "'\\x00\\xFF'::BLOB"},
      {"day", "DATE '1969-12-31'"},
      {"ts", "TIMESTAMP '2013-01-01 05:17:00.123456'"},
      {"tz", "TIMESTAMPTZ '2013-01-01 05:17:00.123456+00'"},
      {"li", "[1, NULL, 3]"},
      {"st", "{'a': 1, 'b': 'x'}"},
      {"mp", "MAP {'k': 1.5::DOUBLE}"}};
  std::string some = "SELECT 1::BIGINT AS id", none = "SELECT 2::BIGINT";
  for (const auto& [name, value] : values) {
    some += ", " + std::string(value) + " AS " + name;
    none += ", NULL";
  }
  return some + " UNION ALL " + none;
}

}  // namespace millrace::conformance
