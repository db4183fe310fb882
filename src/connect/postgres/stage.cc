#include "connect/postgres/stage.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"

namespace millrace::postgres {

namespace {

std::string StageType(const WrittenColumn& column) {
  if (column.type.as_text) return column.type.wire == Wire::kArray ? "text[]" : "text";
  return column.declared;
}

const char* TypeOfExtra(const std::string& extra) {
  if (extra == kRowNumber) return "bigint";
  return extra == kUnchanged ? "text[]" : "boolean";
}

}  // namespace

StageTable::StageTable(const TargetTable& target, const WritePlan& plan,
                       std::vector<std::string> key, std::vector<std::string> extras)
    : target_(target), plan_(plan), key_(std::move(key)), extras_(std::move(extras)) {
  std::vector<std::string> columns;
  for (const WrittenColumn& column : plan_.columns)
    columns.push_back(SqlName(column.name) + " " + StageType(column));
  for (const std::string& extra : extras_) columns.push_back(extra + " " + TypeOfExtra(extra));
  columns_ = Join(columns, ", ");
  name_ = "millrace_stage_" + Sha256Hex(columns_).substr(0, 12);
}

bool StageTable::Has(const char* extra) const {
  return std::ranges::find(extras_, extra) != extras_.end();
}

std::string StageTable::Create() const {
  return "CREATE TEMPORARY TABLE IF NOT EXISTS " + name_ + " (" + columns_ +
         ") ON COMMIT DELETE ROWS";
}

std::string StageTable::ColumnList() const {
  std::vector<std::string> names;
  for (const WrittenColumn& column : plan_.columns) names.push_back(SqlName(column.name));
  names.insert(names.end(), extras_.begin(), extras_.end());
  return Join(names, ", ");
}

std::string StageTable::Value(const std::string& alias, const WrittenColumn& column) const {
  std::string value = alias + "." + SqlName(column.name);
  return column.type.as_text ? value + "::" + column.declared : value;
}

std::string StageTable::Columns() const {
  std::vector<std::string> names;
  for (const WrittenColumn& column : plan_.columns) names.push_back(SqlName(column.name));
  return Join(names, ", ");
}

std::string StageTable::Values(const std::string& alias) const {
  std::vector<std::string> values;
  for (const WrittenColumn& column : plan_.columns) values.push_back(Value(alias, column));
  return Join(values, ", ");
}

std::vector<const WrittenColumn*> StageTable::Keys() const {
  std::vector<const WrittenColumn*> keys;
  for (const WrittenColumn& column : plan_.columns) {
    bool is = std::ranges::any_of(
        key_, [&](const std::string& name) { return ToLower(name) == ToLower(column.name); });
    if (is) keys.push_back(&column);
  }
  return keys;
}

std::vector<const WrittenColumn*> StageTable::Others() const {
  std::vector<const WrittenColumn*> others, keys = Keys();
  for (const WrittenColumn& column : plan_.columns) {
    if (std::ranges::find(keys, &column) == keys.end()) others.push_back(&column);
  }
  return others;
}

std::string StageTable::KeyNames() const {
  std::vector<std::string> names;
  for (const WrittenColumn* column : Keys()) names.push_back(SqlName(column->name));
  return Join(names, ", ");
}

// Of `one`, a table, and `other`, the stage or another row of it.
std::string StageTable::KeysMeet(const char* one, const char* other) const {
  std::vector<std::string> parts;
  for (const WrittenColumn* column : Keys()) {
    bool both_staged = std::string_view(one) == "p";
    std::string left = both_staged ? Value(one, *column) : one + ("." + SqlName(column->name));
    parts.push_back(left + " = " + Value(other, *column));
  }
  return Join(parts, " AND ");
}

std::string StageTable::CountNullKeys() const {
  std::vector<std::string> nulls;
  for (const WrittenColumn* column : Keys()) nulls.push_back(SqlName(column->name) + " IS NULL");
  std::string sql = "SELECT count(*) FROM " + name_ + " WHERE (" + Join(nulls, " OR ") + ")";
  return Has(kTruncate) ? sql + " AND NOT " + kTruncate : sql;
}

std::string StageTable::CountUnchanged() const {
  if (!Has(kUnchanged)) return "SELECT 0";
  return "SELECT count(*) FROM " + name_ + " WHERE cardinality(" + kUnchanged + ") > 0";
}

std::vector<std::string> StageTable::Append() const {
  return {"INSERT INTO " + target_.name.Quoted() + " (" + Columns() +
          ") OVERRIDING SYSTEM VALUE SELECT " + Values("s") + " FROM " + name_ + " s"};
}

// A value that a row left out is that of the newest row before it that has one; where there is none
// here, the table keeps its own.
void StageTable::FoldUnchanged(std::vector<std::string>& statements) const {
  for (const WrittenColumn* column : Others()) {
    std::string name = SqlName(column->name), literal = SqlLiteral(column->name);
    statements.push_back("UPDATE " + name_ + " s SET " + name + " = f." + name + ", " + kUnchanged +
                         " = array_remove(s." + kUnchanged + ", " + literal + ") FROM (SELECT s." +
                         kRowNumber + " AS at, p." + name + " FROM " + name_ +
                         " s CROSS JOIN LATERAL (SELECT p." + name + " FROM " + name_ +
                         " p WHERE " + KeysMeet("p", "s") + " AND p." + kRowNumber + " < s." +
                         kRowNumber + " AND NOT " + literal + " = ANY(coalesce(p." + kUnchanged +
                         ", '{}')) ORDER BY p." + kRowNumber + " DESC LIMIT 1) p WHERE " + literal +
                         " = ANY(s." + kUnchanged + ")) f WHERE f.at = s." + kRowNumber);
  }
}

void StageTable::Upsert(std::vector<std::string>& statements) const {
  std::string target = target_.name.Quoted();
  std::string live = Has(kDelete) ? "NOT s." + std::string(kDelete) : "true";
  bool keeps = Has(kUnchanged);
  std::vector<std::string> sets, excluded;
  for (const WrittenColumn* column : Others()) {
    std::string name = SqlName(column->name), value = Value("s", *column);
    if (keeps)
      value = "CASE WHEN " + SqlLiteral(column->name) + " = ANY(coalesce(s." + kUnchanged +
              ", '{}')) THEN t." + name + " ELSE " + value + " END";
    sets.push_back(name + " = " + value);
    excluded.push_back(name + " = excluded." + name);
  }
  std::string insert = "INSERT INTO " + target + " (" + Columns() +
                       ") OVERRIDING SYSTEM VALUE SELECT " + Values("s") + " FROM " + name_ + " s";
  if (target_.IsUnique(key_) && !keeps) {
    statements.push_back(insert + " WHERE " + live + " ON CONFLICT (" + KeyNames() + ") DO " +
                         (excluded.empty() ? "NOTHING" : "UPDATE SET " + Join(excluded, ", ")));
    return;
  }
  // Without a unique index nothing but a lock keeps others from adding the same key meanwhile.
  // Readers are let in.
  statements.push_back("LOCK TABLE " + target + " IN SHARE ROW EXCLUSIVE MODE");
  if (!sets.empty()) {
    statements.push_back("UPDATE " + target + " t SET " + Join(sets, ", ") + " FROM " + name_ +
                         " s WHERE " + KeysMeet("t", "s") + " AND " + live);
  }
  statements.push_back(insert + " WHERE " + live + " AND NOT EXISTS (SELECT 1 FROM " + target +
                       " t WHERE " + KeysMeet("t", "s") + ")");
}

std::vector<std::string> StageTable::Merge(bool some_unchanged) const {
  std::vector<std::string> statements;
  if (Has(kTruncate)) {
    std::string where = std::string(" WHERE ") + kTruncate;
    statements.push_back("DELETE FROM " + target_.name.Quoted() + " WHERE EXISTS (SELECT 1 FROM " +
                         name_ + where + ")");
    statements.push_back("DELETE FROM " + name_ + " WHERE " + kRowNumber + " <= (SELECT max(" +
                         kRowNumber + ") FROM " + name_ + where + ")");
  }
  if (some_unchanged) FoldUnchanged(statements);
  statements.push_back("DELETE FROM " + name_ +
                       " WHERE ctid IN (SELECT at FROM (SELECT ctid AS at, "
                       "row_number() OVER (PARTITION BY " +
                       KeyNames() + " ORDER BY " + kRowNumber + " DESC) AS newest FROM " + name_ +
                       ") n WHERE newest > 1)");
  statements.push_back("ANALYZE " + name_);
  if (Has(kDelete)) {
    statements.push_back("DELETE FROM " + target_.name.Quoted() + " t USING " + name_ +
                         " s WHERE " + KeysMeet("t", "s") + " AND s." + kDelete);
  }
  Upsert(statements);
  return statements;
}

std::vector<std::string> StageTable::DeleteInsert() const {
  std::vector<std::string> statements{"ANALYZE " + name_}, nulls, meet;
  std::string from = "DELETE FROM " + target_.name.Quoted() + " t USING " + name_ + " s WHERE ";
  statements.push_back(from + KeysMeet("t", "s"));
  // A null meets a null, which no index and no hash can find: only those rows are looked at so.
  for (const WrittenColumn* column : Keys()) {
    nulls.push_back("s." + SqlName(column->name) + " IS NULL");
    meet.push_back("t." + SqlName(column->name) + " IS NOT DISTINCT FROM " + Value("s", *column));
  }
  statements.push_back(from + "(" + Join(nulls, " OR ") + ") AND " + Join(meet, " AND "));
  statements.push_back(Append()[0]);
  return statements;
}

}  // namespace millrace::postgres
