#include "connect/row_stage.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/storage.h"
#include "base/text.h"
#include "config/json.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostHead = 4 << 20;

Json ToJson(const RowStageHead& head) {
  Json columns = Json::array();
  for (const Column& column : head.schema.columns)
    columns.push_back({column.name, column.type.ToSql()});
  return {{"run", head.run},   {"position", head.position},     {"rows", head.rows},
          {"bytes", head.bytes}, {"made", FormatTime(head.made)}, {"columns", columns},
          {"files", head.files}};
}

Result<RowStageHead> HeadFromJson(const std::string& text) {
  try {
    Json json = Json::parse(text);
    RowStageHead head{.run = json.at("run").get<std::string>(),
                      .position = json.at("position").get<std::string>(),
                      .rows = json.at("rows").get<int64_t>(),
                      .bytes = json.at("bytes").get<int64_t>(),
                      .made = TRY(ParseTime(json.at("made").get<std::string>())),
                      .files = json.at("files").get<std::vector<std::string>>()};
    for (const Json& column : json.at("columns")) {
      head.schema.columns.push_back(
          {column.at(0).get<std::string>(), TRY(ParseType(column.at(1).get<std::string>()))});
    }
    return head;
  } catch (const Json::exception& error) {
    return NotFound(std::string("not the head of a stage: ") + error.what());
  }
}

Result<RowStage> Load(const std::string& folder) {
  std::string head = TRY(OpenLocalStorage(folder)->Read("head.json", kMostHead));
  return RowStage{folder, TRY(HeadFromJson(head))};
}

}  // namespace

Result<RowStage> WriteRowStage(const std::string& folder, const std::string& run, Engine& engine,
                               std::unique_ptr<RowReader> rows,
                               const std::function<std::string()>& position, Time now,
                               std::stop_token stop) {
  RowStage stage{folder + "/" + NewUuid(), {.run = run, .made = now}};
  std::error_code error;
  fs::create_directories(stage.folder, error);
  if (error) return FromErrno("cannot make folder " + stage.folder, error.value());
  std::unique_ptr<Session> session = TRY(engine.Open("stage"));
  TRY(session->Bind("staged", std::move(rows), stop));
  Sql all{"SELECT * FROM staged"};
  stage.head.schema = TRY(session->Describe(all)).schema;
  for (const ParquetFile& file :
       TRY(session->WriteParquet(all, {.folder = stage.folder, .prefix = "rows"}, stop))) {
    stage.head.rows += file.rows;
    stage.head.bytes += file.size;
    stage.head.files.push_back(fs::path(file.path).filename());
  }
  stage.head.position = position();
  std::unique_ptr<Storage> storage = OpenLocalStorage(stage.folder);
  TRY(storage->Sync(stage.head.files));  // a head must not outlive its rows
  TRY(Failpoint("stage.head"));
  TRY(storage->Put("head.json", ToJson(stage.head).dump()));
  return stage;
}

std::vector<RowStage> FindRowStages(const std::string& folder) {
  std::vector<RowStage> stages;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    Result<RowStage> stage = Load(it->path().string());
    if (stage.ok()) stages.push_back(*std::move(stage));
  }
  std::ranges::sort(stages, [](const RowStage& a, const RowStage& b) {
    return a.head.made > b.head.made;
  });
  return stages;
}

Status KeepNewestStages(const std::string& folder, size_t count) {
  std::vector<RowStage> stages = FindRowStages(folder);
  if (stages.size() > count) stages.resize(count);
  std::error_code error;
  std::vector<fs::path> gone;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    bool kept = std::ranges::any_of(
        stages, [&](const RowStage& stage) { return stage.folder == it->path().string(); });
    if (!kept) gone.push_back(it->path());
  }
  for (const fs::path& path : gone) {
    fs::remove_all(path, error);
    if (error) return FromErrno("cannot remove " + path.string(), error.value());
  }
  return Status::Ok();
}

Sql ReadRowStage(const RowStage& stage) {
  if (stage.head.files.empty()) {
    std::vector<std::string> columns;
    for (const Column& column : stage.head.schema.columns)
      columns.push_back("NULL::" + column.type.ToSql() + " AS " + SqlName(column.name));
    return {"SELECT " + Join(columns, ", ") + " WHERE false"};
  }
  std::vector<std::string> files;
  for (const std::string& file : stage.head.files)
    files.push_back(SqlLiteral(stage.folder + "/" + file));
  return {"SELECT * FROM read_parquet([" + Join(files, ", ") + "])"};
}

}  // namespace millrace
