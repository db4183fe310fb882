#include "store/tables.h"

#include "base/text.h"

namespace millrace {

namespace {

TypeKind KindOf(std::string_view word) {
  if (word == "count") return TypeKind::kBigInt;
  if (word == "time") return TypeKind::kTimestampTz;
  if (word == "flag") return TypeKind::kBoolean;
  if (word == "real") return TypeKind::kDouble;
  return TypeKind::kVarchar;
}

// "run started:time": names, each with its kind unless it is text.
StoreTable Shape(std::string_view table, std::string_view columns) {
  StoreTable shape{.name = table, .schema = {}};
  for (const std::string& column : Split(columns, ' ')) {
    size_t colon = column.find(':');
    std::string kind = colon == column.npos ? "" : column.substr(colon + 1);
    shape.schema.columns.push_back({.name = column.substr(0, colon), .type = {KindOf(kind)}});
  }
  return shape;
}

}  // namespace

const std::vector<StoreTable>& StoreTables() {
  // `task` is the key, "pipeline/name[x=1]"; `name` the part after the pipeline.
  static const std::vector<StoreTable> tables = {
      Shape("millrace.checks",
            "run task name rule severity on_fail passed:flag failed_rows:count detail"),
      Shape("millrace.commits",
            "run task name sequence:count now:time definition refresh:flag finished:flag"),
      Shape("millrace.files", "run task name input path size:count modified:time sha256"),
      Shape("millrace.landing",
            "landing file sha256 size:count modified:time origin landed_at:time run task "
            "version:count"),
      Shape("millrace.lineage", "pipeline task name table_name written:flag"),
      Shape("millrace.metrics", "run task name metric value:real"),
      Shape("millrace.outputs",
            "run task name sequence:count kind cid size:count files:count target location links"),
      Shape("millrace.runs",
            "run pipeline file state started:time ended:time logical_date:time "
            "interval_start:time interval_end:time force:flag full_refresh:flag error"),
      Shape("millrace.tasks",
            "run pipeline task name state attempt:count started:time ended:time reason "
            "rows_in:count rows_out:count rows_rejected:count bytes_in:count bytes_out:count"),
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
