// Does to a lake what the lines of its input say, one JSON object a line, and answers each with one
// line.
//   lake_driver ROOT < steps
//   {"do": "write", "table": "s.t", "sql": "SELECT …", "mode": "merge", "key": ["id"],
//   "partition_by": [],
//    "contract": "evolve", "replaced_files": []}
//   {"do": "read", "table": "s.t", "version": 3, "out": "/tmp/rows.parquet"}       also {"select":
//   "SELECT … FROM t"}
//   {"do": "rows", "table": "s.t"}             all rows as text, and the data files of the version
//   {"do": "restore", "table": "s.t", "version": 3}   {"do": "compact", "table": "s.t", "target":
//   1000000}
//   {"do": "vacuum", "table": "s.t", "seconds": 0}    {"do": "info", "table": "s.t"}
// Ends with 1 at the first step that fails, unless the step says {"may_fail": true}.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/env.h"
#include "config/json.h"
#include "engine/engine.h"
#include "lake/lake.h"

namespace millrace {
namespace {

struct Driver {
  Lake& lake;
  Session& session;
  int64_t sequence = 0;

  static Mode ModeOf(const std::string& name) {
    if (name == "replace") return Mode::kReplace;
    if (name == "merge") return Mode::kMerge;
    if (name == "delete_insert") return Mode::kDeleteInsert;
    return Mode::kAppend;
  }
  static Contract ContractOf(const std::string& name) {
    if (name == "freeze") return Contract::kFreeze;
    if (name == "discard_row") return Contract::kDiscardRow;
    if (name == "discard_value") return Contract::kDiscardValue;
    return Contract::kEvolve;
  }
  static std::vector<std::string> List(const Json& step, const char* key) {
    return step.value(key, std::vector<std::string>());
  }
  static AsOf VersionOf(const Json& step) {
    AsOf as_of;
    if (step.contains("version")) as_of.version = step["version"].get<int64_t>();
    return as_of;
  }

  Result<Json> Write(Table& table, const Json& step) {
    WriteOptions options{.mode = ModeOf(step.value("mode", "append")),
                         .key = List(step, "key"),
                         .partition_by = List(step, "partition_by"),
                         .contract = ContractOf(step.value("contract", "evolve")),
                         .replaced_files = List(step, "replaced_files"),
                         .run = "driver"};
    auto write = TRY(table.Write(options));
    WriteResult result = TRY(write->Stage(session, {step["sql"].get<std::string>()}, {}));
    CommitId id{step.value("task", "driver"), step.value("sequence", sequence + 1)};
    sequence = id.sequence;
    int64_t version = TRY(write->Commit(id, step.value("position", "p"), SystemClock().Now(), {}));
    return Json{{"version", version}, {"rows", result.rows}, {"discarded", result.rows_discarded}};
  }

  Result<Json> Read(Table& table, const Json& step) {
    Snapshot snapshot = TRY(table.Load(VersionOf(step)));
    Sql rows = TRY(table.Scan(session, snapshot));
    if (step.contains("select")) {
      rows.text = "WITH t AS (" + rows.text + ") " + step["select"].get<std::string>();
    }
    int64_t count = TRY(session.WriteFile(rows, step["out"].get<std::string>(), "parquet", {}, {}));
    return Json{{"version", snapshot.version}, {"rows", count}};
  }

  Result<Json> Rows(Table& table, const Json& step) {
    Snapshot snapshot = TRY(table.Load(VersionOf(step)));
    Sql rows = TRY(table.Scan(session, snapshot));
    Json all = Json::array(), files = Json::array();
    for (auto& row : TRY(session.Collect({"SELECT * FROM (" + rows.text + ") ORDER BY ALL"}, {}))) {
      Json cells = Json::array();
      for (auto& cell : row) cells.push_back(cell ? Json(*cell) : Json(nullptr));
      all.push_back(std::move(cells));
    }
    for (const DataFile& file : snapshot.files) files.push_back(file.path);
    return Json{{"version", snapshot.version}, {"rows", all}, {"files", files}};
  }

  Result<Json> Info(Table& table) {
    Snapshot snapshot = TRY(table.Load());
    Json transactions = Json::object();
    for (const auto& [name, txn] : snapshot.transactions) transactions[name] = txn.version;
    return Json{{"version", snapshot.version},    {"rows", snapshot.rows()},
                {"files", snapshot.files.size()}, {"foreign", snapshot.foreign_features},
                {"transactions", transactions},   {"partition_by", snapshot.partition_by}};
  }

  Result<Json> Do(const Json& step) {
    std::string what = step.value("do", "");
    auto table = lake.Open(TRY(ParseTableName(step.value("table", ""))));
    Time now = SystemClock().Now();
    if (what == "write") return Write(*table, step);
    if (what == "read") return Read(*table, step);
    if (what == "rows") return Rows(*table, step);
    if (what == "info") return Info(*table);
    if (what == "restore") return Json{{"version", TRY(table->Restore(VersionOf(step), now))}};
    if (what == "compact") {
      CompactOptions options{.target_size = step.value("target", int64_t{1} << 28)};
      return Json{{"version", TRY(table->Compact(session, options, now, {}))}};
    }
    if (what == "vacuum") {
      Micros retention = std::chrono::seconds(step.value("seconds", 604800));
      VacuumResult result = TRY(table->Vacuum(retention, step.value("dry_run", false), now));
      return Json{{"files", result.files}, {"bytes", result.bytes}};
    }
    return Invalid("unknown step '" + what + "'");
  }
};

Status RunSteps(const std::string& root) {
  Env env{SystemClock()};
  auto engine = TRY(OpenDuckDb({.memory_limit = int64_t{512} << 20, .threads = 2}));
  auto lake = OpenLake(root, env, *engine);
  auto session = TRY(engine->Open("driver"));
  Driver driver{*lake, *session};
  for (std::string line; std::getline(std::cin, line);) {
    Json step = Json::parse(line, nullptr, false);
    if (!step.is_object()) return Invalid("not a step: " + line);
    Result<Json> answer = driver.Do(step);
    bool fails = !answer.ok();
    Json said = fails ? Json{{"error", answer.status().ToString()}} : *answer;
    std::cout << said.dump() << std::endl;
    if (fails && !step.value("may_fail", false)) return answer.status();
  }
  return Status::Ok();
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: lake_driver ROOT < steps\n";
    return 2;
  }
  millrace::Status status = millrace::RunSteps(argv[1]);
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
