// Records that could not be decoded, and what tasks put aside, tried again.
#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "run/reject_rows.h"
#include "run/walk.h"

namespace millrace {

Result<std::unique_ptr<Table>> RejectsTable(RunScope& run, const Task& task) {
  for (const Target& target : task.rejects) {
    Result<TableName> name = ParseTableName(target.traits.writes);
    if (!name.ok()) continue;
    for (const Task& other : run.pipeline.tasks) {
      bool shared = other.key != task.key && std::find(other.writes.begin(), other.writes.end(),
                                                       target.traits.writes) != other.writes.end();
      if (!shared) continue;
      return Invalid(other.key + " puts its rows into " + target.traits.writes + ", too",
                     "give each task a table of rejects");
    }
    return run.context.lake.Open(*name);
  }
  return Invalid(task.key + " has no table of rejects", "give it `rejects: {table: …}`");
}

Result<std::vector<Sql>> Walk::DecodeRejects() {
  std::vector<Sql> parts;
  for (WalkInput& input : inputs) {
    if (std::optional<Sql> part = TRY(input.source->DecodeRejects(*session_)))
      parts.push_back(*std::move(part));
  }
  return parts;
}

// Rows have the columns that the task's SQL gave: they pass the checks again, not the SQL. Records
// that could not be decoded are what the source would give, if it can decode them now.
Result<Sql> Walk::RejectsToTry(const Interval& interval, std::stop_token stop) {
  std::unique_ptr<Table> table = TRY(RejectsTable(run, task));
  auto version = [&](const std::map<std::string, Position>& at) -> int64_t {
    auto found = at.find(kRejectsInput);
    return found == at.end() ? -1 : std::atoll(found->second.token.c_str());
  };
  Sql put_aside = TRY(table->ScanChanges(*session_, version(interval.commit.begin),
                                         version(interval.commit.end)));
  Schema schema = TRY(SchemaOf(*session_, put_aside));
  std::vector<std::string> columns;
  for (const Column& column : schema.columns) {
    bool ours = task.schema && task.schema->Find(column.name);
    if (ours || !IsRejectColumn(column.name)) columns.push_back(SqlName(column.name));
  }
  constexpr const char* kAgain = "millrace_again";
  counts.rows_in +=
      TRY(session_->Materialize(kAgain,
                                {"SELECT " + Join(columns, ", ") + " FROM (" + put_aside.text +
                                 "\n) WHERE _raw IS NULL"},
                                stop));
  Sql rows{std::string("SELECT * FROM ") + kAgain};
  if (!TRY(DecodeAgain(put_aside, stop))) return rows;
  return Sql{"(" + TaskSql().text + "\n) UNION ALL BY NAME (" + rows.text + ")"};
}

// The input is bound to what could be decoded now; false: nothing is to be.
Result<bool> Walk::DecodeAgain(const Sql& put_aside, std::stop_token stop) {
  decoded_again_ = false;
  if (inputs.size() != 1) return false;
  constexpr const char* kRaw = "millrace_raw";
  int64_t count = TRY(session_->Materialize(
      kRaw,
      {"SELECT _source_file, _line, _raw FROM (" + put_aside.text + "\n) WHERE _raw IS NOT NULL"},
      stop));
  if (count == 0) return false;
  auto reader = TRY(session_->Query({std::string("SELECT * FROM ") + kRaw}, stop));
  if (!TRY(inputs[0].source->OpenRejects(*reader, stop))) return false;
  reader.reset();
  TRY(BindInput(inputs[0], stop));
  return decoded_again_ = true;
}

}  // namespace millrace
