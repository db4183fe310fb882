// Checks against the shape of the rows, before anything runs.
#include "base/text.h"
#include "check/rules.h"

namespace millrace {

namespace {

constexpr std::string_view kSelect = "SELECT (";

class Validator {
 public:
  Validator(const Schema& rows, Session& session, Diagnostics& diagnostics)
      : rows_(rows), session_(session), diagnostics_(diagnostics) {}

  void Validate(const Check& check) {
    if (!ColumnsExist(check) || IsUnique(check)) return;
    bool by_row = !check.condition.empty();
    std::string text =
        by_row ? std::string(kSelect) + check.condition + "\n) FROM this" : check.query;
    Result<Description> description = session_.Describe({text});
    if (!description.ok()) {
      diagnostics_.Error(check.place,
                         "check '" + check.name + "': " + description.status().message(),
                         description.status().hint());
      return;
    }
    for (const SqlError& error : description->errors)
      Tell(check, error, by_row ? kSelect.size() : 0);
    if (description->ok() && by_row) MustBeBoolean(check, description->schema);
  }

 private:
  bool ColumnsExist(const Check& check) {
    bool all = true;
    for (const auto& [column, place] : check.columns) {
      if (rows_.Find(column)) continue;
      std::string near = Closest(column, rows_.Names());
      diagnostics_.Error(
          place, "check '" + check.kind + "': the rows have no column '" + column + "'",
          near.empty() ? "they have " + Join(rows_.Names(), ", ") : "did you mean '" + near + "'?");
      all = false;
    }
    return all;
  }

  void Tell(const Check& check, const SqlError& error, size_t before) {
    std::string near =
        error.candidates.empty() ? "" : "did you mean '" + error.candidates[0] + "'?";
    Place place = check.sql_node.IsScalar() && error.offset && *error.offset >= before
                      ? check.sql_node.PlaceOf(*error.offset - before)
                  : check.sql_place.line > 0 ? check.sql_place
                                             : check.place;
    diagnostics_.Error(place, "check '" + check.name + "': " + error.message, near);
  }

  void MustBeBoolean(const Check& check, const Schema& schema) {
    if (schema.columns.empty() || schema.columns[0].type.kind == TypeKind::kBoolean) return;
    diagnostics_.Error(check.sql_place.line > 0 ? check.sql_place : check.place,
                       "check '" + check.name + "': the condition is " +
                           schema.columns[0].type.ToSql() + ", not true or false",
                       "compare it with something");
  }

  const Schema& rows_;
  Session& session_;
  Diagnostics& diagnostics_;
};

}  // namespace

bool RowChecksHold(const std::vector<Check>& checks, const Schema& rows, Session& session) {
  std::vector<std::string> conditions, columns;
  for (const Check& check : checks) {
    if (!IsRowCheck(check)) return false;
    for (const auto& [column, place] : check.columns) {
      if (rows.Find(column) == nullptr) return false;
    }
    if (!IsUnique(check)) conditions.push_back("(" + check.condition + "\n)");
  }
  for (const Column& column : rows.columns)
    columns.push_back("CAST(NULL AS " + column.type.ToSql() + ") AS " + SqlName(column.name));
  if (conditions.empty() || columns.empty()) return conditions.empty();
  Result<Description> description = session.Describe(
      {"WITH this AS (SELECT " + Join(columns, ", ") + ") SELECT [" + Join(conditions, ", ") +
       "] FROM this"});
  return description.ok() && description->ok() &&
         description->schema.columns[0].type.ToSql() == "BOOLEAN[]";
}

void ValidateChecks(const std::vector<Check>& checks, const Schema& rows, Session& session,
                    std::string_view view, Diagnostics& diagnostics) {
  if (checks.empty()) return;
  if (view != "this") {
    Status defined = session.Define("this", {"SELECT * FROM " + SqlName(view)});
    if (!defined.ok()) {
      diagnostics.Error(checks[0].place, defined.message(), defined.hint());
      return;
    }
  }
  Validator validator(rows, session, diagnostics);
  for (const Check& check : checks) validator.Validate(check);
}

}  // namespace millrace
