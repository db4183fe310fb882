#include "check/rules.h"

#include <charconv>

#include "base/text.h"

namespace millrace {

template <>
struct EnumNames<CheckSeverity> {
  static constexpr std::pair<std::string_view, CheckSeverity> kAll[] = {
      {"error", CheckSeverity::kError}, {"warn", CheckSeverity::kWarn}};
};
template <>
struct EnumNames<OnFail> {
  static constexpr std::pair<std::string_view, OnFail> kAll[] = {
      {"fail", OnFail::kFail}, {"quarantine", OnFail::kQuarantine}, {"drop", OnFail::kDrop}};
};

namespace {

using Rules = Spec<RuleConfig>;

bool IsNumber(const YamlNode& node) {
  if (node.quoted || node.scalar.empty()) return false;
  double value = 0;
  const char* end = node.scalar.data() + node.scalar.size();
  auto [stop, error] = std::from_chars(node.scalar.data(), end, value);
  return error == std::errc() && stop == end;
}

// A bound of a range: numbers stay numbers, anything else takes the column's type.
std::string Bound(const YamlNode& node) {
  return IsNumber(node) ? node.scalar : SqlLiteral(node.scalar);
}

// "a IS NULL OR (…)": a null passes all kinds but not_null.
std::string NullPasses(const std::string& column, const std::string& condition) {
  return column + " IS NULL OR (" + condition + ")";
}

Rules Named(const char* kind, const char* summary) { return Rules(kind, summary); }

// The fields that every kind has, after its own.
Rules& Policy(Rules& spec, bool by_row) {
  spec.Field("name", &RuleConfig::name,
             "How it is called in reports and in `_rule` of rejected rows. "
             "Absent: the kind and its columns, `not_null(id)`.");
  spec.Field("severity", &RuleConfig::severity,
             "`warn` is told, but never fails and never puts rows aside.");
  if (by_row) {
    spec.Field(
        "on_fail", &RuleConfig::on_fail,
        "`fail` fails the task, `quarantine` puts the rows into `rejects`, `drop` leaves them out. "
        "Absent: quarantine where the task has `rejects`, else fail.");
  }
  return spec;
}

Rules NotNull() {
  Rules spec = Named("not_null", "The columns have a value in each row.");
  spec.Field("columns", &RuleConfig::columns, "The columns.", {.required = true, .min = 1})
      .Short("columns");
  spec.Example("Two columns", "checks: [{not_null: [id, email]}]");
  return Policy(spec, true);
}

Rules Unique() {
  Rules spec = Named("unique",
                     "No two rows have the same values in these columns. Rows with a null among "
                     "them pass; of the rows "
                     "that share a key the first, in the order of all columns, passes.");
  spec.Field("columns", &RuleConfig::columns, "The columns that together are the key.",
             {.required = true, .min = 1})
      .Short("columns");
  spec.Example("A key of two columns", "checks: [{unique: [order_id, line]}]");
  return Policy(spec, true);
}

Rules AcceptedValues() {
  Rules spec = Named("accepted_values", "The column holds one of the values. A null passes.");
  spec.Field("column", &RuleConfig::column, "The column.", {.required = true})
      .Field("values", &RuleConfig::values, "The values.",
             {.required = true, .example = "[EWR, JFK, LGA]"});
  spec.Example("Three airports",
               "checks: [{accepted_values: {column: origin, values: [EWR, JFK, LGA]}}]");
  return Policy(spec, true);
}

Rules Relationships() {
  Rules spec =
      Named("relationships", "The value exists in a column of another table. A null passes.");
  spec.Field("column", &RuleConfig::column, "The column of these rows.", {.required = true})
      .Field("to", &RuleConfig::to, "The other table.",
             {.required = true, .example = "silver.customers"})
      .Field("field", &RuleConfig::field, "Its column. Absent: the same name.");
  spec.Example("Each order has a customer",
               "checks: [{relationships: {column: customer_id, to: silver.customers, field: id}}]");
  return Policy(spec, true);
}

Rules Between() {
  Rules spec =
      Named("range", "The value lies between `min` and `max`, both included. A null passes.");
  spec.Field("column", &RuleConfig::column, "The column.", {.required = true})
      .Field("min", &RuleConfig::min, "The least value: a number, a date or a text.",
             {.example = "0"})
      .Field("max", &RuleConfig::max, "The greatest value.", {.example = "2030-12-31"})
      .Require([](const RuleConfig& rule) { return rule.min.IsScalar() || rule.max.IsScalar(); },
               "needs `min`, `max` or both");
  spec.Example("A distance is positive", "checks: [{range: {column: distance, min: 1}}]");
  return Policy(spec, true);
}

Rules Matches() {
  Rules spec = Named("matches",
                     "The value, as text, matches a regular expression somewhere; `^` and `$` bind "
                     "it to the ends. "
                     "A null passes.");
  spec.Field("column", &RuleConfig::column, "The column.", {.required = true})
      .Field("pattern", &RuleConfig::pattern, "The expression (RE2).",
             {.required = true, .example = "'^.+@.+$'"});
  spec.Example("An address has an @", "checks: [{matches: {column: email, pattern: '^.+@.+$'}}]");
  return Policy(spec, true);
}

Rules RowCount() {
  Rules spec = Named("row_count", "The number of rows.");
  spec.Field("min", &RuleConfig::min, "At least so many.", {.example = "1"})
      .Field("max", &RuleConfig::max, "At most so many.")
      .Require([](const RuleConfig& rule) { return rule.min.IsScalar() || rule.max.IsScalar(); },
               "needs `min`, `max` or both")
      .Require(
          [](const RuleConfig& rule) {
            return (rule.min.IsNull() || IsNumber(rule.min)) &&
                   (rule.max.IsNull() || IsNumber(rule.max));
          },
          "`min` and `max` must be whole numbers");
  spec.Example("There are rows", "checks: [{row_count: {min: 1}}]");
  return Policy(spec, false);
}

Rules Freshness() {
  Rules spec = Named("freshness", "The newest value of a time column is not older than `max_age`.");
  spec.Field("column", &RuleConfig::column, "A date or timestamp column.", {.required = true})
      .Field("max_age", &RuleConfig::max_age, "How old it may be.",
             {.required = true, .example = "2h"});
  spec.Example("Data of today", "checks: [{freshness: {column: created_at, max_age: 24h}}]");
  return Policy(spec, false);
}

Rules OwnSql() {
  Rules spec = Named("sql",
                     "A rule of your own. `condition` is judged row by row: a row fails unless it "
                     "is true. `query` is "
                     "judged on the whole: it fails when it returns rows, or, if it has one "
                     "boolean column, when a row "
                     "is not true. In a query the task's rows are called `this`.");
  spec.Field("condition", &RuleConfig::condition, "An SQL expression over a row.",
             {.example = "arrival > departure"})
      .Field("query", &RuleConfig::query, "A SELECT over `this` and any table of the lake.")
      .Require([](const RuleConfig& rule) { return rule.condition.empty() != rule.query.empty(); },
               "needs either `condition` or `query`")
      .Require(
          [](const RuleConfig& rule) {
            return rule.query.empty() || !rule.on_fail || *rule.on_fail == OnFail::kFail;
          },
          "a `query` judges the whole: its `on_fail` can only be `fail`",
          "use `condition` to put single rows aside");
  spec.Example("Row by row",
               "checks: [{sql: {name: arrives_later, condition: arrival > departure}}]");
  spec.Example("On the whole",
               "checks: [{sql: {name: all_there, query: SELECT (SELECT count(*) FROM this) = "
               "(SELECT count(*) FROM "
               "bronze.orders)}}]");
  return Policy(spec, true);
}

void CompileNotNull(const RuleConfig& rule, Check& check) {
  std::vector<std::string> parts;
  for (const std::string& column : rule.columns) parts.push_back(SqlName(column) + " IS NOT NULL");
  check.condition = Join(parts, " AND ");
}

void CompileAcceptedValues(const RuleConfig& rule, Check& check) {
  std::vector<std::string> values;
  for (const YamlNode& value : rule.values.items) values.push_back(SqlLiteral(value.scalar));
  if (rule.values.IsScalar()) values.push_back(SqlLiteral(rule.values.scalar));
  std::string column = SqlName(rule.column);
  check.condition = NullPasses(column, column + " IN (" + Join(values, ", ") + ")");
}

void CompileRelationships(const RuleConfig& rule, Check& check) {
  std::vector<std::string> parts;
  for (const std::string& part : Split(rule.to, '.')) parts.push_back(SqlName(part));
  std::string field = SqlName(rule.field.empty() ? rule.column : rule.field);
  check.table = rule.to;
  check.condition =
      NullPasses(SqlName(rule.column), SqlName(rule.column) + " IN (SELECT " + field + " FROM " +
                                           Join(parts, ".") + " WHERE " + field + " IS NOT NULL)");
}

std::string Within(const std::string& value, const RuleConfig& rule) {
  std::vector<std::string> parts;
  if (rule.min.IsScalar()) parts.push_back(value + " >= " + Bound(rule.min));
  if (rule.max.IsScalar()) parts.push_back(value + " <= " + Bound(rule.max));
  return Join(parts, " AND ");
}

void CompileRange(const RuleConfig& rule, Check& check) {
  check.condition = NullPasses(SqlName(rule.column), Within(SqlName(rule.column), rule));
}

void CompileMatches(const RuleConfig& rule, Check& check) {
  std::string column = SqlName(rule.column);
  check.condition = NullPasses(
      column, "regexp_matches(CAST(" + column + " AS VARCHAR), " + SqlLiteral(rule.pattern) + ")");
}

void CompileRowCount(const RuleConfig& rule, Check& check) {
  check.query =
      "SELECT count(*) AS \"rows\" FROM this HAVING NOT (" + Within("count(*)", rule) + ")";
}

void CompileFreshness(const RuleConfig& rule, Check& check) {
  std::string newest = "max(" + SqlName(rule.column) + ")";
  check.query = "SELECT " + newest + " AS newest FROM this HAVING " + newest + " IS NULL OR CAST(" +
                newest + " AS TIMESTAMP WITH TIME ZONE) < now() - to_microseconds(" +
                std::to_string(rule.max_age.count()) + ")";
}

void CompileSql(const RuleConfig& rule, Check& check) {
  check.condition = rule.condition;
  check.query = rule.query;
}

}  // namespace

const std::vector<RuleKind>& RuleKinds() {
  static const std::vector<RuleKind> kinds = {
      {"not_null", true, NotNull(), CompileNotNull},
      {"unique", true, Unique(), [](const RuleConfig&, Check&) {}},
      {"accepted_values", true, AcceptedValues(), CompileAcceptedValues},
      {"relationships", true, Relationships(), CompileRelationships},
      {"range", true, Between(), CompileRange},
      {"matches", true, Matches(), CompileMatches},
      {"row_count", false, RowCount(), CompileRowCount},
      {"freshness", false, Freshness(), CompileFreshness},
      {"sql", true, OwnSql(), CompileSql},
  };
  return kinds;
}

std::vector<std::shared_ptr<const SpecInfo>> CheckSpecs() {
  std::vector<std::shared_ptr<const SpecInfo>> specs;
  for (const RuleKind& kind : RuleKinds()) specs.push_back(kind.spec.info());
  return specs;
}

}  // namespace millrace
