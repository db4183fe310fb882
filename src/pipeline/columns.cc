#include "pipeline/columns.h"

namespace millrace {

std::optional<Schema> ReadColumns(const YamlNode& node, Diagnostics& diagnostics) {
  if (!node.IsMap() || node.entries.empty()) {
    diagnostics.Error(node.place, "'columns' must be a map of names and types",
                      "write `columns: {id: BIGINT, email: VARCHAR}`");
    return std::nullopt;
  }
  Schema schema;
  bool ok = true;
  for (const auto& [name, value] : node.entries) {
    Result<Type> type = ParseType(value.scalar);
    if (type.ok() && value.IsScalar()) {
      schema.columns.push_back({name.scalar, *type});
      continue;
    }
    diagnostics.Error(
        value.place.line ? value.place : name.place,
        "column '" + name.scalar +
            "': " + (value.IsScalar() ? type.status().message() : "its type must be a word of SQL"),
        "for example BIGINT, DOUBLE, DECIMAL(10,2), VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ, "
        "BOOLEAN");
    ok = false;
  }
  if (!ok) return std::nullopt;
  return schema;
}

}  // namespace millrace
