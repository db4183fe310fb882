#include "run/reject_rows.h"

#include "base/text.h"

namespace millrace {

namespace {

struct Extra {
  const char* name;
  const char* type;
};
// In this order, behind the columns of the rows. The time and the run are ours, whatever the part
// says.
constexpr Extra kExtras[] = {
    {"_rule", "VARCHAR"},   {"_reason", "VARCHAR"},      {"_rejected_at", "TIMESTAMPTZ"},
    {"_run_id", "VARCHAR"}, {"_source_file", "VARCHAR"}, {"_line", "BIGINT"},
    {"_raw", "VARCHAR"}};

std::string Cast(const std::string& expression, const std::string& type, const std::string& name) {
  return "CAST(" + expression + " AS " + type + ") AS " + SqlName(name);
}

std::string Part(const Schema& rows, const Schema& part, const Sql& sql, Time now,
                 const std::string& run) {
  std::vector<std::string> columns;
  for (const Column& column : rows.columns) {
    if (IsRejectColumn(column.name)) continue;
    columns.push_back(Cast(part.Find(column.name) ? SqlName(column.name) : "NULL",
                           column.type.ToSql(), column.name));
  }
  for (const Extra& extra : kExtras) {
    std::string name = extra.name;
    std::string value = part.Find(name) ? SqlName(name) : "NULL";
    if (name == "_rejected_at") value = SqlTime(now);
    if (name == "_run_id") value = SqlLiteral(run);
    columns.push_back(Cast(value, extra.type, name));
  }
  return "SELECT " + Join(columns, ", ") + " FROM (" + sql.text + "\n)";
}

}  // namespace

bool IsRejectColumn(const std::string& name) {
  for (const Extra& extra : kExtras) {
    if (ToLower(name) == extra.name) return true;
  }
  return false;
}

std::string SqlTime(Time time) {
  std::string text = FormatTime(time);  // 2026-11-21T06:50:52.123456Z
  text.back() = '+';
  return "TIMESTAMPTZ '" + text + "00'";
}

Result<Schema> SchemaOf(Session& session, const Sql& sql) {
  Description description = TRY(session.Describe(sql));
  if (!description.ok()) return Invalid(description.errors.front().message);
  return description.schema;
}

Result<Sql> RejectRows(Session& session, const Schema& rows, const std::vector<Sql>& parts,
                       Time now, const std::string& run) {
  if (parts.empty()) {
    return Sql{Part(rows, {}, {"SELECT 1 AS nothing"}, now, run) + " WHERE false"};
  }
  std::vector<std::string> selects;
  for (const Sql& part : parts) {
    selects.push_back(Part(rows, TRY(SchemaOf(session, part)), part, now, run));
  }
  return Sql{Join(selects, "\nUNION ALL\n")};
}

Status RefuseRejects(Session& session, const std::vector<Sql>& parts, std::stop_token stop) {
  int64_t count = 0;
  std::string first;
  for (const Sql& part : parts) {
    auto rows = TRY(session.Collect({"SELECT CAST(count(*) OVER () AS VARCHAR), _source_file, "
                                     "CAST(_line AS VARCHAR), _reason FROM (" +
                                     part.text + "\n) ORDER BY _source_file, _line LIMIT 1"},
                                    stop));
    if (rows.empty()) continue;
    count += std::atoll(rows[0][0].value_or("0").c_str());
    if (!first.empty()) continue;
    first = "the first in " + rows[0][1].value_or("?");
    if (rows[0][2]) first += ", line " + *rows[0][2];
    if (rows[0][3]) first += ": " + *rows[0][3];
  }
  if (count == 0) return Status::Ok();
  return {
      Code::kRejected,
      FormatCount(count) + (count == 1 ? " record" : " records") + " could not be read, " + first,
      "mend the file, or give the task `rejects: {table: …}` to put such records aside"};
}

}  // namespace millrace
