#include "lake/contract.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace millrace {

namespace {

bool IsInteger(TypeKind kind) { return kind >= TypeKind::kTinyInt && kind <= TypeKind::kBigInt; }
bool IsFloating(TypeKind kind) { return kind == TypeKind::kFloat || kind == TypeKind::kDouble; }
bool IsNested(TypeKind kind) { return kind >= TypeKind::kList; }

// Digits before the point that hold every value.
int IntegerDigits(TypeKind kind) {
  switch (kind) {
    case TypeKind::kTinyInt:
      return 3;
    case TypeKind::kSmallInt:
      return 5;
    case TypeKind::kInteger:
      return 10;
    default:
      return 19;
  }
}

std::optional<Type> CommonDecimal(const Type& a, const Type& b) {
  auto whole = [](const Type& t) {
    return t.kind == TypeKind::kDecimal ? t.precision - t.scale : IntegerDigits(t.kind);
  };
  int scale = std::max(a.scale, b.scale);
  int precision = std::max(whole(a), whole(b)) + scale;
  if (precision > 38) return std::nullopt;
  return Type{TypeKind::kDecimal, precision, scale};
}

std::optional<Type> CommonStruct(const Type& a, const Type& b) {
  Type common = a;
  Schema known{a.children};
  for (const Column& field : b.children) {
    const Column* same = known.Find(field.name);
    if (!same) {
      common.children.push_back(field);
      common.children.back().nullable = true;
      continue;
    }
    std::optional<Type> type = CommonType(same->type, field.type);
    if (!type) return std::nullopt;
    common.children[static_cast<size_t>(same - known.columns.data())].type = *type;
  }
  return common;
}

std::optional<Type> CommonNested(const Type& a, const Type& b) {
  if (a.kind != b.kind) return std::nullopt;
  if (a.kind == TypeKind::kStruct) return CommonStruct(a, b);
  Type common = a;
  for (size_t i = 0; i < a.children.size(); ++i) {
    std::optional<Type> type = CommonType(a.children[i].type, b.children[i].type);
    if (!type) return std::nullopt;
    common.children[i].type = *type;
  }
  return common;
}

// Equal but for what may be null within.
bool SameType(const Type& a, const Type& b) { return a.ToSql() == b.ToSql(); }

// Types between which a value may or may not fit, and SQL can tell: text that is read as something
// else, numbers and times that are cut. Others do not go together at all.
bool MayFit(const Type& from, const Type& to) {
  if (IsNested(from.kind) || IsNested(to.kind)) return false;
  if (from.kind == TypeKind::kBlob || to.kind == TypeKind::kBlob) return false;
  if (to.kind == TypeKind::kVarchar || from.kind == TypeKind::kVarchar) return true;
  auto number = [](const Type& t) {
    return IsInteger(t.kind) || IsFloating(t.kind) || t.kind == TypeKind::kDecimal;
  };
  if (number(from) && number(to)) return true;
  return from.kind == TypeKind::kTimestamp && to.kind == TypeKind::kDate;
}

// A condition that is true when the value is there and `to` cannot hold it as it is.
std::string DoesNotFit(const std::string& value, const Type& from, const Type& to) {
  if (to.kind == TypeKind::kVarchar) return "";  // every scalar has a text
  std::string cast = "TRY_CAST(" + value + " AS " + to.ToSql() + ")";
  std::string misfit = cast + " IS NULL";
  // A cast that rounds or cuts gives a value, but another one.
  if (IsInteger(to.kind) || to.kind == TypeKind::kDecimal) {
    misfit += " OR CAST(" + cast + " AS DOUBLE) <> TRY_CAST(" + value + " AS DOUBLE)";
  } else if (to.kind == TypeKind::kDate) {
    misfit += " OR CAST(" + cast + " AS TIMESTAMP) <> TRY_CAST(" + value + " AS TIMESTAMP)";
  } else if (IsFloating(to.kind) && from.kind != TypeKind::kVarchar) {
    misfit += " OR TRY_CAST(" + cast + " AS " + from.ToSql() + ") IS DISTINCT FROM " + value;
  }
  return "(" + value + " IS NOT NULL AND (" + misfit + "))";
}

std::string Or(const std::vector<std::string>& conditions) {
  return conditions.empty() ? "" : "(" + Join(conditions, " OR ") + ")";
}

// Collects column by column.
class Fitting {
 public:
  explicit Fitting(const ShapeRequest& request) : request_(request) {}

  Result<Fit> Run() {
    TRY(CheckNames());
    bool overwrites = request_.mode == Mode::kReplace && request_.contract == Contract::kEvolve;
    if (!request_.current || overwrites) {
      TakeRowsShape();
    } else {
      for (const Column& column : request_.current->columns) TakeColumn(column);
      for (const Column& column : request_.rows.columns) {
        if (!request_.current->Find(column.name)) TakeUnknown(column);
      }
    }
    if (!differences_.empty()) {
      return Invalid(
          "the rows do not have the shape of " + request_.table + ": " + Join(differences_, "; "),
          request_.contract == Contract::kFreeze
              ? "change the SQL, or the target's contract (evolve, discard_row, discard_value)"
              : "cast the column in the task's SQL, or write to another table");
    }
    fit_.refused = Or(refused_);
    fit_.discarded = Or(discarded_);
    fit_.reason = reasons_.empty() ? "NULL" : "concat_ws('; ', " + Join(reasons_, ", ") + ")";
    return std::move(fit_);
  }

 private:
  Status CheckNames() const {
    std::set<std::string> seen;
    for (const Column& column : request_.rows.columns) {
      if (column.name.empty())
        return Invalid("a column of the rows for " + request_.table + " has no name");
      if (!seen.insert(ToLower(column.name)).second) {
        return Invalid(
            "the rows for " + request_.table + " have two columns named '" + column.name + "'",
            "give one of them another name with AS");
      }
    }
    return Status::Ok();
  }

  static std::string Value(const Column& column) { return "r." + SqlName(column.name); }
  static std::string As(const Column& column, const Type& type) {
    bool is = column.type.ToSql() == type.ToSql();
    return is ? Value(column) : Cast(Value(column), type);
  }
  static std::string Cast(const std::string& value, const Type& type) {
    return "CAST(" + value + " AS " + type.ToSql() + ")";
  }

  void Take(Column column, std::string expression, bool present) {
    if (present) fit_.present.push_back(column.name);
    fit_.schema.columns.push_back(std::move(column));
    fit_.expressions.push_back(std::move(expression));
  }

  void TakeRowsShape() {
    for (const Column& row : request_.rows.columns) {
      Column column = row;
      column.nullable = true;
      const Column* known = request_.current ? request_.current->Find(row.name) : nullptr;
      if (known) column.name = known->name;
      Take(column, As(row, column.type), true);
    }
  }

  void TakeColumn(const Column& column) {
    const Column* row = request_.rows.Find(column.name);
    if (!row) return TakeAbsent(column);
    Column after = column;
    std::optional<Type> common = CommonType(column.type, row->type);
    bool fits = common && SameType(*common, column.type);
    if (request_.contract == Contract::kEvolve && common && !fits) {
      fit_.widened = fit_.widened || !OnlyNewFields(column.type, *common);
      after.type = *common;
      fits = true;
    }
    if (fits) {
      Require(after, Value(*row));
      Take(after, As(*row, after.type), true);
    } else if (request_.contract == Contract::kFreeze || !MayFit(row->type, column.type)) {
      differences_.push_back("column '" + column.name + "' is " + column.type.ToSql() +
                             ", the rows have " + row->type.ToSql());
    } else {
      TakeDoubtful(after, *row);
    }
  }

  // A value may not fit: the contract says what becomes of it.
  void TakeDoubtful(const Column& column, const Column& row) {
    std::string value = Value(row), misfit = DoesNotFit(value, row.type, column.type);
    if (misfit.empty()) {
      Require(column, value);
      return Take(column, Cast(value, column.type), true);
    }
    std::string cast = "TRY_CAST(" + value + " AS " + column.type.ToSql() + ")";
    if (request_.contract == Contract::kDiscardValue) {
      std::string kept = "CASE WHEN " + misfit + " THEN NULL ELSE " + cast + " END";
      Require(column, kept);
      return Take(column, kept, true);
    }
    std::string why =
        SqlLiteral("column '" + column.name + "' is " + column.type.ToSql() + ", not ");
    Demand(misfit, why + " || chr(39) || left(CAST(" + value + " AS VARCHAR), 100) || chr(39)");
    Require(column, value);
    Take(column, cast, true);
  }

  void TakeAbsent(const Column& column) {
    if (request_.contract == Contract::kFreeze && request_.mode != Mode::kMerge) {
      differences_.push_back("column '" + column.name + "' is missing");
    } else if (!column.nullable && request_.mode != Mode::kMerge) {
      differences_.push_back("column '" + column.name + "' is missing and must not be null");
    }
    Take(column, Cast("NULL", column.type), false);
  }

  void TakeUnknown(const Column& row) {
    switch (request_.contract) {
      case Contract::kEvolve: {
        Column column = row;
        column.nullable = true;
        return Take(column, As(row, column.type), true);
      }
      case Contract::kFreeze:
        differences_.push_back("column '" + row.name + "' is new");
        return;
      case Contract::kDiscardRow:
        return Demand("(" + Value(row) + " IS NOT NULL)",
                      SqlLiteral("column '" + row.name + "' is not in " + request_.table));
      case Contract::kDiscardValue:
        return;
    }
  }

  // The table's own demand: no nulls here.
  void Require(const Column& column, const std::string& value) {
    if (column.nullable) return;
    Demand("(" + value + " IS NULL)", SqlLiteral("column '" + column.name + "' must not be null"));
  }

  void Demand(const std::string& broken, const std::string& why) {
    bool discards = request_.contract == Contract::kDiscardRow;
    (discards ? discarded_ : refused_).push_back(broken);
    reasons_.push_back("CASE WHEN " + broken + " THEN " + why + " END");
  }

  // A struct that only gets more fields needs no rewriting: files without them read as null.
  static bool OnlyNewFields(const Type& before, const Type& after) {
    if (before.kind != after.kind) return false;
    if (!IsNested(before.kind)) return SameType(before, after);
    for (size_t i = 0; i < before.children.size(); ++i) {
      if (!OnlyNewFields(before.children[i].type, after.children[i].type)) return false;
    }
    return true;
  }

  const ShapeRequest& request_;
  Fit fit_;
  std::vector<std::string> differences_, refused_, discarded_, reasons_;
};

}  // namespace

std::optional<Type> CommonType(const Type& a, const Type& b) {
  if (a.ToSql() == b.ToSql()) return a;
  if (IsNested(a.kind) || IsNested(b.kind)) return CommonNested(a, b);
  bool exact_a = IsInteger(a.kind) || a.kind == TypeKind::kDecimal;
  bool exact_b = IsInteger(b.kind) || b.kind == TypeKind::kDecimal;
  if (IsInteger(a.kind) && IsInteger(b.kind)) return a.kind > b.kind ? a : b;
  if (exact_a && exact_b) return CommonDecimal(a, b);
  if (IsFloating(a.kind) && IsFloating(b.kind)) return Type{TypeKind::kDouble};
  const Type& exact = exact_a ? a : b;
  const Type& other = exact_a ? b : a;
  // A double holds every 32-bit integer, a float every 16-bit one.
  if (IsInteger(exact.kind) && other.kind == TypeKind::kDouble && exact.kind <= TypeKind::kInteger)
    return other;
  if (IsInteger(exact.kind) && other.kind == TypeKind::kFloat && exact.kind <= TypeKind::kInteger) {
    return exact.kind <= TypeKind::kSmallInt ? other : Type{TypeKind::kDouble};
  }
  bool dates = (a.kind == TypeKind::kDate && b.kind == TypeKind::kTimestamp) ||
               (a.kind == TypeKind::kTimestamp && b.kind == TypeKind::kDate);
  if (dates) return Type{TypeKind::kTimestamp};
  return std::nullopt;
}

Result<Fit> FitShape(const ShapeRequest& request) { return Fitting(request).Run(); }

}  // namespace millrace
