#include "connect/rest/rows.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/text.h"

namespace millrace::rest {

namespace {

// Some objects lack some members: they are structs all the same.
constexpr const char* kSniffOptions =
    ", format='newline_delimited', sample_size=-1, field_appearance_threshold=0";

std::string ReadLines(const Stage& stage, const RowsOptions& options, const std::string& columns) {
  std::vector<std::string> paths;
  for (const std::string& path : stage.RowsPaths()) paths.push_back(SqlLiteral(path));
  return "read_json([" + Join(paths, ", ") + "], compression='zstd'" +
         ", format='newline_delimited', auto_detect=false, maximum_object_size=" +
         std::to_string(options.max_record + 4096) + ", columns={" + columns + "})";
}

std::string ColumnList(const std::vector<std::pair<std::string, std::string>>& columns) {
  std::vector<std::string> items;
  for (const auto& [name, type] : columns)
    items.push_back(SqlLiteral(name) + ": " + SqlLiteral(type));
  return Join(items, ", ");
}

using Columns = std::vector<std::pair<std::string, std::string>>;  // in order

Result<Columns> Sniff(Session& session, const std::string& path, int64_t max_record) {
  Description description =
      TRY(session.Describe({"SELECT * FROM read_json(" + SqlLiteral(path) + kSniffOptions +
                            ", maximum_object_size=" + std::to_string(max_record + 4096) + ")"}));
  if (!description.ok()) return Invalid(description.errors[0].message).In("finding the columns");
  Columns columns;
  for (const Column& column : description.schema.columns)
    columns.emplace_back(column.name, column.type.ToSql());
  return columns;
}

bool IsNested(const std::string& type) {
  Result<Type> parsed = ParseType(type);
  if (!parsed.ok()) return true;
  return parsed->kind == TypeKind::kList || parsed->kind == TypeKind::kStruct ||
         parsed->kind == TypeKind::kMap;
}

Sql Nothing(const Columns& columns, const RowsOptions& options) {
  std::string items;
  for (const auto& [name, type] : columns)
    items += "CAST(NULL AS " + type + ") AS " + SqlName(name) + ", ";
  return {"SELECT " + items + SqlLiteral(options.source_file) + " AS _source_file WHERE false"};
}

// Declared types: what does not fit is put aside, not made null. Values are read as text, which
// every one is, and cast after that; nested ones are read as they are declared.
StagedRows Declared(const Stage& stage, const Columns& columns, const RowsOptions& options) {
  Columns read;
  std::vector<std::string> items, fits, misfits;
  for (const auto& [name, type] : columns) {
    std::string quoted = SqlName(name);
    bool cast = type != "VARCHAR" && !IsNested(type);
    read.emplace_back(name, cast ? "VARCHAR" : type);
    if (!cast) {
      items.push_back(quoted);
      continue;
    }
    std::string value = "TRY_CAST(" + quoted + " AS " + type + ")";
    items.push_back(value + " AS " + quoted);
    fits.push_back("(" + quoted + " IS NULL OR " + value + " IS NOT NULL)");
    misfits.push_back("CASE WHEN " + quoted + " IS NOT NULL AND " + value + " IS NULL THEN " +
                      SqlLiteral("column " + quoted + " is not " + type + ": ") + " || left(" +
                      quoted + ", 100) END");
  }
  std::string lines = ReadLines(stage, options, ColumnList(read));
  std::string good = fits.empty() ? "true" : Join(fits, " AND ");
  StagedRows staged;
  staged.rows.text = "SELECT " + Join(items, ", ") + ", " + SqlLiteral(options.source_file) +
                     " AS _source_file FROM " + lines + (fits.empty() ? "" : " WHERE " + good);
  if (fits.empty()) return staged;
  std::vector<std::string> names;
  for (const auto& [name, type] : columns) names.push_back(SqlName(name));
  staged.misfits = Sql{"SELECT 'json_type' AS _rule, concat_ws('; ', " + Join(misfits, ", ") +
                       ") AS _reason, " + SqlLiteral(options.source_file) +
                       " AS _source_file, row_number_ AS _line, left(CAST(to_json({" +
                       [&] {
                         std::vector<std::string> members;
                         for (const std::string& name : names)
                           members.push_back(name + ": " + name);
                         return Join(members, ", ");
                       }() +
                       "}) AS VARCHAR), 1000) AS _raw FROM (SELECT *, row_number() OVER () "
                       "AS row_number_ FROM " +
                       lines + ") WHERE NOT (" + good + ")"};
  return staged;
}

// Elements of a list become rows; members of an element become columns, named like the list and
// the member where a column has that name already.
Result<Sql> Exploded(Session& session, const Sql& rows, const std::string& list) {
  Description description = TRY(session.Describe(rows));
  if (!description.ok()) return Invalid(description.errors[0].message);
  const Column* column = description.schema.Find(list);
  if (!column || column->type.kind != TypeKind::kList) {
    return Invalid(
        "explode: '" + list + "' is " + (column ? "not a list" : "no column") + " of the records",
        "the columns are " + CutText(Join(description.schema.Names(), ", "), 200));
  }
  std::string name = SqlName(list);
  std::string each = "SELECT * EXCLUDE (" + name + "), unnest(" + name + ") AS " + name +
                     " FROM (" + rows.text + ")";
  const Type& element = column->type.children[0].type;
  if (element.kind != TypeKind::kStruct) return Sql{each};
  std::vector<std::string> items;
  for (const Column& other : description.schema.columns) {
    if (other.name != column->name && other.name != "_source_file")
      items.push_back(SqlName(other.name));
  }
  for (const Column& member : element.children) {
    bool taken = description.schema.Find(member.name) && member.name != column->name;
    items.push_back(name + "." + SqlName(member.name) + " AS " +
                    SqlName(taken ? list + "_" + member.name : member.name));
  }
  return Sql{"SELECT " + Join(items, ", ") + ", _source_file FROM (" + each + ")"};
}

}  // namespace

Result<StagedRows> ReadStaged(Session& session, const Stage* stage, const RowsOptions& options,
                              std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  std::error_code error;
  bool records = stage && std::filesystem::file_size(stage->sample_path(), error) > 0 && !error;
  Columns columns(options.columns.begin(), options.columns.end());
  bool declared = !columns.empty();
  if (records && (!declared || options.for_each_columns)) {
    Columns found = TRY(Sniff(session, stage->sample_path(), options.max_record));
    for (auto& each : found) {
      bool ours = each.first.starts_with("each_") && !options.columns.contains(each.first);
      if (!declared || ours) columns.push_back(std::move(each));
    }
  } else if (!records && !declared) {
    columns.assign(options.remembered.begin(), options.remembered.end());
  }
  if (columns.empty()) {
    return Invalid("no records came, and so the columns are not known",
                   "declare them: `columns: {id: BIGINT, name: VARCHAR}`");
  }
  StagedRows staged;
  if (!records) {
    staged.rows = Nothing(columns, options);
  } else if (declared) {
    staged = Declared(*stage, columns, options);
  } else {
    staged.rows = {"SELECT *, " + SqlLiteral(options.source_file) + " AS _source_file FROM " +
                   ReadLines(*stage, options, ColumnList(columns))};
  }
  staged.columns = {columns.begin(), columns.end()};
  if (!options.explode.empty()) staged.rows = TRY(Exploded(session, staged.rows, options.explode));
  return staged;
}

std::optional<Sql> GivenUpRows(const Stage& stage) {
  std::vector<std::string> rows;
  for (const GivenUp& each : stage.given_up()) {
    std::vector<std::string> key;
    for (const auto& [name, value] : stage.members()[each.member].values)
      key.push_back(name + "=" + value);
    rows.push_back("('request', " + SqlLiteral(each.reason) + ", " + SqlLiteral(each.url) +
                   ", CAST(NULL AS BIGINT), " + SqlLiteral(Join(key, " ")) + ")");
  }
  if (rows.empty()) return std::nullopt;
  return Sql{"SELECT * FROM (VALUES " + Join(rows, ", ") +
             ") AS given_up(_rule, _reason, _source_file, _line, _raw)"};
}

Result<std::optional<Schema>> DeclaredSchema(Session& session, const RowsOptions& options) {
  if (options.columns.empty() || options.for_each_columns) return std::optional<Schema>();
  StagedRows staged = TRY(ReadStaged(session, nullptr, options, {}));
  Description description = TRY(session.Describe(staged.rows));
  if (!description.ok()) return Invalid(description.errors[0].message);
  return std::optional<Schema>(std::move(description.schema));
}

}  // namespace millrace::rest
