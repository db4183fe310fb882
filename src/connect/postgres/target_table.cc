#include "connect/postgres/target_table.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace millrace::postgres {

namespace {

bool IsNumber(const Type& type) {
  return type.kind != TypeKind::kBoolean && type.kind <= TypeKind::kDecimal;
}

bool IsNested(const Type& type) { return !type.children.empty(); }

bool SameNames(std::vector<std::string> a, std::vector<std::string> b) {
  for (auto* names : {&a, &b}) {
    for (std::string& name : *names) name = ToLower(name);
    std::sort(names->begin(), names->end());
  }
  return a == b;
}

// Turns the shape of the rows into columns of the table, by the contract of the lake.
class Planning {
 public:
  explicit Planning(const PlanRequest& request) : request_(request), table_(request.table) {}

  Result<WritePlan> Run() {
    Schema rows = request_.rows;
    for (Column& row : rows.columns) {
      if (!GoesAsJson(row)) continue;
      json_.insert(ToLower(row.name));
      row.type = {.kind = TypeKind::kVarchar};
    }
    ShapeRequest shape{.table = table_.name.table,
                       .rows = std::move(rows),
                       .contract = request_.contract,
                       // A database's table is not another one after each run: rows are replaced,
                       // the columns stay.
                       .mode = request_.mode == Mode::kMerge ? Mode::kMerge : Mode::kAppend};
    if (table_.exists) shape.current = Current(shape.rows);
    plan_.fit = TRY(FitShape(shape));
    TRY(CheckKey());
    for (size_t i = 0; i < plan_.fit.schema.columns.size(); ++i) Take(i);
    if (!table_.exists) MakeTable();
    return std::move(plan_);
  }

 private:
  // What the database has no type for: structs, maps, lists of lists.
  bool GoesAsJson(const Column& row) const {
    if (!IsNested(row.type)) return false;
    const TargetColumn* column = table_.Find(row.name);
    if (column) return column->type.wire != Wire::kArray;
    return PgTypeFor(row.type) == "jsonb";
  }

  // The table as the rows meet it: what they lack and the server fills in is left out, and a column
  // that takes anything is what the rows bring.
  Schema Current(const Schema& rows) const {
    Schema current;
    for (const TargetColumn& column : table_.columns) {
      const Column* row = rows.Find(column.name);
      if (!row && (column.has_default || column.identity_always)) continue;
      Type type = column.type.lake;
      if (row && column.type.any_number && (IsNumber(row->type) || row->type == type))
        type = row->type;
      if (row && column.type.as_text && row->type.kind != TypeKind::kList)
        type = {.kind = TypeKind::kVarchar};
      current.columns.push_back({column.name, type, column.nullable || request_.nulls});
    }
    return current;
  }

  Status CheckKey() const {
    for (const std::string& name : request_.key) {
      bool there = std::ranges::any_of(plan_.fit.present, [&](const std::string& each) {
        return ToLower(each) == ToLower(name);
      });
      if (!there)
        return Invalid("the rows for " + table_.name.table + " have no key column '" + name + "'");
    }
    return Status::Ok();
  }

  void Take(size_t i) {
    const Column& column = plan_.fit.schema.columns[i];
    bool present = std::ranges::find(plan_.fit.present, column.name) != plan_.fit.present.end();
    const TargetColumn* known = table_.Find(column.name);
    bool json = json_.contains(ToLower(column.name));
    std::string declared = json ? "jsonb" : PgTypeFor(column.type);
    PgType type = TypeOfColumnFor(column.type);
    if (json) type = TypeOfColumnFor({.kind = TypeKind::kStruct});
    bool widened = false;
    if (known) {
      Type before = known->type.any_number || known->type.as_text ? column.type : known->type.lake;
      widened = before.ToSql() != column.type.ToSql();
      if (!widened) {
        type = known->type;
        if (type.any_number) type.lake = column.type;
        declared = known->declared;
      }
    }
    std::string name = SqlName(column.name);
    std::string alter = "ALTER TABLE " + table_.name.Quoted();
    if (table_.exists && !known)
      plan_.statements.push_back(alter + " ADD COLUMN " + name + " " + declared);
    if (widened) plan_.statements.push_back(alter + " ALTER COLUMN " + name + " TYPE " + declared);
    if (!present) return;
    plan_.columns.push_back({column.name, type, declared, Expression(i, json)});
  }

  // A text of JSON is taken as it is.
  std::string Expression(size_t i, bool json) const {
    const std::string& value = plan_.fit.expressions[i];
    if (!json) return value;
    const Column* row = request_.rows.Find(plan_.fit.schema.columns[i].name);
    return "CAST(to_json(r." + SqlName(row->name) + ") AS VARCHAR)";
  }

  void MakeTable() {
    std::vector<std::string> columns;
    for (const WrittenColumn& column : plan_.columns)
      columns.push_back(SqlName(column.name) + " " + column.declared);
    if (request_.mode == Mode::kMerge) {
      std::vector<std::string> key;
      for (const std::string& name : request_.key)
        key.push_back(SqlName(plan_.fit.schema.Find(name)->name));
      columns.push_back("PRIMARY KEY (" + Join(key, ", ") + ")");
    }
    plan_.statements.push_back("CREATE TABLE " + table_.name.Quoted() + " (" + Join(columns, ", ") +
                               ")");
  }

  const PlanRequest& request_;
  const TargetTable& table_;
  std::set<std::string> json_;  // columns that go as JSON, in lower case
  WritePlan plan_;
};

constexpr const char* kColumns =
    "SELECT a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity, "
    "pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a "
    "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' "
    "ORDER BY a.attnum";
// Only those that ON CONFLICT can name.
constexpr const char* kUnique =
    "SELECT i.indexrelid, a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a "
    "ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey[0:i.indnkeyatts - 1]) "
    "WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid "
    "AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY 1";

}  // namespace

std::string TableName::Quoted() const {
  return (schema.empty() ? "" : SqlName(schema) + ".") + SqlName(table);
}

TableName ParseName(const std::string& text) {
  size_t dot = text.find('.');
  if (dot == text.npos) return {"", text};
  return {text.substr(0, dot), text.substr(dot + 1)};
}

const TargetColumn* TargetTable::Find(const std::string& column) const {
  for (const TargetColumn& each : columns) {
    if (ToLower(each.name) == ToLower(column)) return &each;
  }
  return nullptr;
}

bool TargetTable::IsUnique(const std::vector<std::string>& key) const {
  return std::ranges::any_of(unique, [&](const auto& names) { return SameNames(names, key); });
}

Result<TargetTable> LookAt(pg::Connection& connection, const TableName& name,
                           const std::string& commit_table, const std::string& begin,
                           std::stop_token stop) {
  TargetTable table{.name = name};
  std::string schema =
      name.schema.empty() ? "coalesce(current_schema(), '')" : SqlLiteral(name.schema);
  pg::Answer found = TRY(connection.Run(
      begin + "SELECT n.nspname, s.name, c.oid, c.relkind, k.oid IS NOT NULL FROM (SELECT " +
          schema + " AS name, pg_catalog.to_regclass(" + SqlLiteral(name.Quoted()) +
          ") AS target) s LEFT JOIN pg_catalog.pg_class c ON c.oid = s.target "
          "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace OR (c.oid IS NULL AND "
          "n.nspname = s.name) LEFT JOIN pg_catalog.pg_class k ON k.relnamespace = n.oid AND "
          "k.relname = " +
          SqlLiteral(commit_table),
      stop));
  if (found.rows() == 0) return Internal("the catalog gave no answer on " + name.Quoted());
  table.schema_exists = !found.IsNull(0, 0);
  table.name.schema = table.schema_exists ? found.Text(0, 0) : found.Text(0, 1);
  if (table.name.schema.empty())
    return Invalid("there is no schema for '" + name.table + "'", "write SCHEMA." + name.table);
  table.exists = !found.IsNull(0, 2);
  table.has_commits = found.Bool(0, 4);
  if (!table.exists) return table;
  std::string kind = found.Text(0, 3);
  if (kind != "r" && kind != "p")
    return Invalid(table.name.Quoted() + " is no table", "name a table: rows are written there");
  pg::Values oid{found.Text(0, 2)};
  pg::Answer columns = TRY(connection.Run(kColumns, oid, stop));
  std::vector<TypeName> names;
  for (int row = 0; row < columns.rows(); ++row) {
    names.push_back(
        {static_cast<uint32_t>(columns.Number(row, 1)), static_cast<int>(columns.Number(row, 2))});
  }
  std::vector<PgType> types = TRY(TypesOf(names, connection, stop));
  for (int row = 0; row < columns.rows(); ++row) {
    table.columns.push_back({.name = columns.Text(row, 0),
                             .type = types[static_cast<size_t>(row)],
                             .declared = columns.Text(row, 6),
                             .nullable = !columns.Bool(row, 3),
                             .has_default = columns.Bool(row, 4) || columns.Text(row, 5) == "d",
                             .identity_always = columns.Text(row, 5) == "a"});
  }
  pg::Answer unique = TRY(connection.Run(kUnique, oid, stop));
  for (int row = 0; row < unique.rows(); ++row) {
    if (row == 0 || unique.Text(row, 0) != unique.Text(row - 1, 0)) table.unique.emplace_back();
    table.unique.back().push_back(unique.Text(row, 1));
  }
  return table;
}

Result<WritePlan> PlanWrite(const PlanRequest& request) { return Planning(request).Run(); }

}  // namespace millrace::postgres
