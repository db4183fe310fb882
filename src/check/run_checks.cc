// Rows past their checks: one pass counts what fails, a second one parts the rows only if some do.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "check/rules.h"

namespace millrace {

namespace {

using Collected = std::vector<std::vector<std::optional<std::string>>>;

int64_t Number(const std::optional<std::string>& text) {
  int64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

// A row check with the SQL that is true, in the table of the rows, for exactly those that fail.
struct RowRule {
  const Check* check;
  std::string fails;
  bool early = false;  // needs the row alone: judged as it comes
  int64_t failed = 0;
};

bool PutsAside(const Check& check, OnFail how) {
  return check.severity == CheckSeverity::kError && check.on_fail == how;
}

std::vector<std::string> SqlColumns(const Check& check) {
  std::vector<std::string> names;
  for (const auto& [column, place] : check.columns) names.push_back(SqlName(column));
  return names;
}

// "id = 7, email = NULL", or the condition's name where it has no columns.
std::string Describe(const Check& check) {
  if (check.columns.empty()) return SqlLiteral("not true: " + check.condition.substr(0, 200));
  std::vector<std::string> parts;
  for (const auto& [column, place] : check.columns) {
    parts.push_back(SqlLiteral((parts.empty() ? "" : ", ") + column + " = ") +
                    " || coalesce(left(CAST(" + SqlName(column) + " AS VARCHAR), 200), 'NULL')");
  }
  return "(" + Join(parts, " || ") + ")";
}

class Judge {
 public:
  Judge(const std::vector<Check>& checks, Session& session, std::string_view prefix,
        std::stop_token stop)
      : checks_(checks), session_(session), prefix_(prefix), stop_(std::move(stop)) {}

  Result<Checked> Run(const Sql& rows) {
    Checked checked;
    checked.accepted_rows = rows;
    if (checks_.empty()) return checked;
    std::string table = prefix_ + "rows";
    schema_ = TRY(Shape(rows));
    TRY(FindRules());
    checked.rows = TRY(session_.Materialize(table, Judged(rows), stop_));
    rows_ = checked.rows;
    table_ = SqlName(table);
    TRY(session_.Define("this", {"SELECT " + Columns() + " FROM " + table_}));
    TRY(FindRepeated());
    TRY(Count(checked));
    TRY(JudgeWhole());
    Part(checked);
    TRY(Report(checked));
    return checked;
  }

 private:
  Result<Schema> Shape(const Sql& rows) {
    Description description = TRY(session_.Describe(rows));
    if (!description.ok()) return Invalid(description.errors[0].message);
    return description.schema;
  }

  Status FindRules() {
    for (const Check& check : checks_) {
      if (!IsRowCheck(check)) continue;
      RowRule rule{&check, "(" + check.condition + "\n) IS NOT TRUE"};
      // One that looks into tables may look into `this`, which is not there yet.
      rule.early = !IsUnique(check) &&
                   TRY(session_.NamesIn({"SELECT " + check.condition + "\n"})).tables.empty();
      rules_.push_back(std::move(rule));
    }
    return Status::Ok();
  }

  // The rows with a column for each rule that tells if they fail it: each is worked out once.
  Sql Judged(const Sql& rows) {
    std::string text = "SELECT *";
    for (size_t i = 0; i < rules_.size(); ++i) {
      if (!rules_[i].early) continue;
      std::string column = SqlName(fmt::format("_fails_{}", i));
      text += ", " + rules_[i].fails + " AS " + column;
      rules_[i].fails = column;
    }
    if (text == "SELECT *") return rows;
    return {text + " FROM (" + rows.text + "\n)"};
  }

  Status FindRepeated() {
    for (size_t i = 0; i < rules_.size(); ++i) {
      if (!IsUnique(*rules_[i].check)) continue;
      const Check& check = *rules_[i].check;
      rules_[i].fails = TRY(RepeatedKeys(check)) ? TRY(NumberRows(check, i)) + " > 1" : "false";
    }
    return Status::Ok();
  }

  // Counting keys is cheap; only when some repeat are the rows of a key put in order.
  Result<bool> RepeatedKeys(const Check& check) {
    std::vector<std::string> keys = SqlColumns(check);
    std::string key = Join(keys, ", "), present = Join(keys, " IS NOT NULL AND ") + " IS NOT NULL";
    Collected found = TRY(session_.Collect({"SELECT 1 FROM " + table_ + " WHERE " + present +
                                            " GROUP BY " + key + " HAVING count(*) > 1 LIMIT 1"},
                                           stop_));
    return !found.empty();
  }

  // A further column with each row's number among those of its key; null where the key has a null.
  Result<std::string> NumberRows(const Check& check, size_t rule) {
    std::vector<std::string> keys = SqlColumns(check), order;
    for (const std::string& name : schema_.Names()) order.push_back(SqlName(name));
    std::string number = SqlName(fmt::format("_occurrence_{}", rule));
    std::string next = fmt::format("{}numbered{}", prefix_, rule);
    std::string text = fmt::format(
        "SELECT *, CASE WHEN {} IS NOT NULL THEN row_number() OVER (PARTITION BY {} ORDER BY {}) "
        "END AS {} FROM {}",
        Join(keys, " IS NOT NULL AND "), Join(keys, ", "), Join(order, ", "), number, table_);
    TRY(session_.Materialize(next, {text}, stop_));
    table_ = SqlName(next);
    return "coalesce(" + number + ", 1)";
  }

  std::string AnyOf(OnFail how) const {
    std::vector<std::string> parts;
    for (const RowRule& rule : rules_) {
      if (PutsAside(*rule.check, how)) parts.push_back("(" + rule.fails + ")");
    }
    return parts.empty() ? "false" : Join(parts, " OR ");
  }

  Status Count(Checked& checked) {
    std::string quarantined = AnyOf(OnFail::kQuarantine), dropped = AnyOf(OnFail::kDrop);
    std::vector<std::string> counts = {
        fmt::format("count(*) FILTER ({})", quarantined),
        fmt::format("count(*) FILTER (({}) AND NOT ({}))", dropped, quarantined)};
    for (const RowRule& rule : rules_)
      counts.push_back(fmt::format("count(*) FILTER ({})", rule.fails));
    Collected row =
        TRY(session_.Collect({"SELECT " + Join(counts, ", ") + " FROM " + table_}, stop_));
    if (row.size() != 1) return Internal("counting the rows that fail gave no row");
    checked.rejected = Number(row[0][0]);
    checked.dropped = Number(row[0][1]);
    for (size_t i = 0; i < rules_.size(); ++i) rules_[i].failed = Number(row[0][i + 2]);
    checked.accepted = checked.rows - checked.rejected - checked.dropped;
    return Status::Ok();
  }

  Status JudgeWhole() {
    for (const Check& check : checks_) {
      CheckOutcome outcome{.check = &check};
      if (!IsRowCheck(check)) TRY(JudgeQuery(check, outcome));
      outcomes_.push_back(std::move(outcome));
    }
    return Status::Ok();
  }

  Status JudgeQuery(const Check& check, CheckOutcome& outcome) {
    Description shape = TRY(session_.Describe({check.query}));
    if (!shape.ok()) return Invalid("check '" + check.name + "': " + shape.errors[0].message);
    bool boolean =
        shape.schema.columns.size() == 1 && shape.schema.columns[0].type.kind == TypeKind::kBoolean;
    std::string text = check.query;
    if (boolean) {
      text = "SELECT * FROM (" + text + "\n) WHERE " + SqlName(shape.schema.columns[0].name) +
             " IS NOT TRUE";
    }
    Collected found = TRY(session_.Collect({"SELECT * FROM (" + text + "\n) LIMIT 1000"}, stop_));
    outcome.passed = found.empty();
    outcome.failed_rows = int64_t(found.size());
    if (!found.empty()) outcome.detail = boolean ? "not true" : FirstRow(shape.schema, found[0]);
    return Status::Ok();
  }

  static std::string FirstRow(const Schema& schema,
                              const std::vector<std::optional<std::string>>& row) {
    std::vector<std::string> parts;
    for (size_t i = 0; i < row.size() && i < 8 && i < schema.columns.size(); ++i) {
      parts.push_back(schema.columns[i].name + " = " + row[i].value_or("NULL").substr(0, 200));
    }
    return Join(parts, ", ");
  }

  void Part(Checked& checked) {
    if (checked.rejected + checked.dropped == 0) {
      checked.accepted_rows = {"SELECT " + Columns() + " FROM " + table_};
      return;
    }
    std::string quarantined = AnyOf(OnFail::kQuarantine), dropped = AnyOf(OnFail::kDrop);
    checked.accepted_rows = {fmt::format("SELECT {} FROM {} WHERE NOT ({}) AND NOT ({})", Columns(),
                                         table_, quarantined, dropped)};
    if (checked.rejected == 0) return;
    std::vector<std::string> names, reasons;
    for (const RowRule& rule : rules_) {
      if (!PutsAside(*rule.check, OnFail::kQuarantine) || rule.failed == 0) continue;
      names.push_back(
          fmt::format("CASE WHEN {} THEN {} END", rule.fails, SqlLiteral(rule.check->name)));
      reasons.push_back(fmt::format("CASE WHEN {} THEN {} END", rule.fails, Describe(*rule.check)));
    }
    checked.rejected_rows = Sql{fmt::format(
        "SELECT {}, concat_ws(', ', {}) AS _rule, concat_ws('; ', {}) AS _reason FROM {} WHERE {}",
        Columns(), Join(names, ", "), Join(reasons, ", "), table_, quarantined)};
  }

  std::string Columns() const {
    std::vector<std::string> names;
    for (const std::string& name : schema_.Names()) names.push_back(SqlName(name));
    return Join(names, ", ");
  }

  Status Report(Checked& checked) {
    size_t next = 0;
    for (CheckOutcome& outcome : outcomes_) {
      if (IsRowCheck(*outcome.check)) TRY(Explain(rules_[next++], outcome));
      const Check& check = *outcome.check;
      if (!outcome.passed && PutsAside(check, OnFail::kFail)) {
        failures_.push_back(check.name + " (" + outcome.detail + ")");
      }
    }
    checked.outcomes = std::move(outcomes_);
    if (!failures_.empty()) {
      checked.verdict = {
          Code::kQuality,
          fmt::format("{} failed: {}", failures_.size() == 1 ? "a check" : "checks",
                      Join(failures_, "; ")),
          "nothing was written; mend the data or the rule, or let `on_fail` put the rows aside"};
    }
    return Status::Ok();
  }

  Status Explain(const RowRule& rule, CheckOutcome& outcome) {
    outcome.failed_rows = rule.failed;
    outcome.passed = rule.failed == 0;
    if (outcome.passed) return Status::Ok();
    Collected example =
        TRY(session_.Collect({"SELECT min(example) FROM (SELECT " + Describe(*rule.check) +
                              " AS example FROM " + table_ + " WHERE " + rule.fails + ")"},
                             stop_));
    outcome.detail = fmt::format("{} of {} rows", FormatCount(rule.failed), FormatCount(rows_));
    if (!example.empty() && example[0][0]) outcome.detail += ", for example " + *example[0][0];
    return Status::Ok();
  }

  const std::vector<Check>& checks_;
  Session& session_;
  const std::string prefix_;
  const std::stop_token stop_;
  Schema schema_;
  int64_t rows_ = 0;
  std::string table_;  // the rows, quoted; with occurrence numbers where keys repeat
  std::vector<RowRule> rules_;
  std::vector<CheckOutcome> outcomes_;
  std::vector<std::string> failures_;
};

}  // namespace

Result<Checked> RunChecks(const std::vector<Check>& checks, Session& session, const Sql& rows,
                          std::string_view prefix, std::stop_token stop) {
  return Judge(checks, session, prefix, std::move(stop)).Run(rows);
}

}  // namespace millrace
