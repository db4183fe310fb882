#include "store/tables.h"

#include "base/text.h"

namespace millrace {

namespace {

constexpr TypeKind kText = TypeKind::kVarchar, kCount = TypeKind::kBigInt, kWhen = TypeKind::kTimestampTz,
                   kFlag = TypeKind::kBoolean;

Schema Shape(std::initializer_list<std::pair<const char*, TypeKind>> columns) {
  Schema schema;
  for (const auto& [name, kind] : columns) schema.columns.push_back({.name = name, .type = {.kind = kind}});
  return schema;
}

}  // namespace

const std::vector<StoreTable>& StoreTables() {
  // `task` is the key, "pipeline/name[x=1]"; `name` the part after the pipeline.
  static const std::vector<StoreTable> tables = {
      {"millrace.checks", Shape({{"run", kText}, {"task", kText}, {"name", kText}, {"rule", kText}, {"severity", kText},
                                 {"on_fail", kText}, {"passed", kFlag}, {"failed_rows", kCount}, {"detail", kText}})},
      {"millrace.commits", Shape({{"run", kText}, {"task", kText}, {"name", kText}, {"sequence", kCount},
                                  {"now", kWhen}, {"definition", kText}, {"refresh", kFlag}, {"finished", kFlag}})},
      {"millrace.files", Shape({{"run", kText}, {"task", kText}, {"name", kText}, {"input", kText}, {"path", kText},
                                {"size", kCount}, {"modified", kWhen}, {"sha256", kText}})},
      {"millrace.landing", Shape({{"landing", kText}, {"file", kText}, {"sha256", kText}, {"size", kCount},
                                  {"modified", kWhen}, {"origin", kText}, {"landed_at", kWhen}, {"run", kText},
                                  {"task", kText}, {"version", kCount}})},
      {"millrace.lineage", Shape({{"pipeline", kText}, {"task", kText}, {"name", kText}, {"table_name", kText},
                                  {"written", kFlag}})},
      {"millrace.metrics", Shape({{"run", kText}, {"task", kText}, {"name", kText}, {"metric", kText},
                                  {"value", TypeKind::kDouble}})},
      {"millrace.runs", Shape({{"run", kText}, {"pipeline", kText}, {"file", kText}, {"state", kText},
                               {"started", kWhen}, {"ended", kWhen}, {"logical_date", kWhen},
                               {"interval_start", kWhen}, {"interval_end", kWhen}, {"force", kFlag},
                               {"full_refresh", kFlag}, {"error", kText}})},
      {"millrace.tasks", Shape({{"run", kText}, {"pipeline", kText}, {"task", kText}, {"name", kText},
                                {"state", kText}, {"attempt", kCount}, {"started", kWhen}, {"ended", kWhen},
                                {"reason", kText}, {"rows_in", kCount}, {"rows_out", kCount},
                                {"rows_rejected", kCount}, {"bytes_in", kCount}, {"bytes_out", kCount}})},
  };
  return tables;
}

const StoreTable* FindStoreTable(std::string_view name) {
  for (const StoreTable& table : StoreTables()) {
    if (ToLower(table.name) == ToLower(name)) return &table;
  }
  return nullptr;
}

}  // namespace millrace
