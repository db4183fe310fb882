#include "lake/contract.h"

#include "lake/lake_testing.h"

namespace millrace {
namespace {

Type Decimal(int precision, int scale) { return {TypeKind::kDecimal, precision, scale}; }
Type Of(TypeKind kind) { return {kind}; }

TEST(CommonType, HoldsBothExactly) {
  struct Case {
    Type a, b;
    std::string wanted;  // "" = none
  };
  const Case cases[] = {
      {Of(TypeKind::kTinyInt), Of(TypeKind::kBigInt), "BIGINT"},
      {Of(TypeKind::kInteger), Of(TypeKind::kDouble), "DOUBLE"},
      {Of(TypeKind::kBigInt), Of(TypeKind::kDouble), ""},
      {Of(TypeKind::kInteger), Of(TypeKind::kFloat), "DOUBLE"},
      {Of(TypeKind::kSmallInt), Of(TypeKind::kFloat), "FLOAT"},
      {Of(TypeKind::kFloat), Of(TypeKind::kDouble), "DOUBLE"},
      {Of(TypeKind::kInteger), Decimal(10, 2), "DECIMAL(12,2)"},
      {Decimal(10, 2), Decimal(8, 4), "DECIMAL(12,4)"},
      {Decimal(38, 0), Decimal(38, 10), ""},
      {Of(TypeKind::kDate), Of(TypeKind::kTimestamp), "TIMESTAMP"},
      {Of(TypeKind::kTimestamp), Of(TypeKind::kTimestampTz), ""},
      {Of(TypeKind::kVarchar), Of(TypeKind::kInteger), ""},
      {Of(TypeKind::kBoolean), Of(TypeKind::kInteger), ""},
  };
  for (const Case& each : cases) {
    for (bool swapped : {false, true}) {
      std::optional<Type> common =
          swapped ? CommonType(each.b, each.a) : CommonType(each.a, each.b);
      EXPECT_EQ(common ? common->ToSql() : "", each.wanted)
          << each.a.ToSql() << " and " << each.b.ToSql();
    }
  }
}

class ContractTest : public LakeTest {
 protected:
  // A table (id INTEGER, amount INTEGER), and rows of another shape written to it.
  std::string Outcome(Contract contract, const std::string& rows, Mode mode = Mode::kAppend) {
    std::string table = "s.t" + std::to_string(++tables_);
    EXPECT_TRUE(Write(table, "SELECT 1 AS id, 10 AS amount").ok());
    auto write = *OpenTable(table)->Write({.mode = mode, .key = {"id"}, .contract = contract});
    Result<WriteResult> staged = write->Stage(*session_, {rows}, {});
    if (!staged.ok()) return staged.status().ToString();
    rejects_.clear();
    if (write->Discarded()) rejects_ = RowsOf(*write->Discarded());
    EXPECT_EQ(staged->rows_discarded, static_cast<int64_t>(rejects_.size()));
    Result<int64_t> version = write->Commit({"contract", 1}, "", SystemClock().Now(), {});
    if (!version.ok()) return version.status().ToString();
    std::vector<std::string> types;
    const Snapshot snapshot = *OpenTable(table)->Load();
    for (const Column& column : snapshot.schema.columns) {
      types.push_back(column.name + " " + column.type.ToSql());
    }
    return Join(types, ", ") + ": " + Join(Rows(table), " ");
  }

  int tables_ = 0;
  Lines rejects_;
};

const char* const kNewColumn =
    "SELECT 2 AS id, 20 AS amount, 'x' AS extra UNION ALL SELECT 3, 30, NULL";
const char* const kWiderType = "SELECT 2 AS id, 3000000000 AS amount UNION ALL SELECT 3, 30";
const char* const kText =
    "SELECT 2 AS id, 'abc' AS amount UNION ALL SELECT 3, '30' UNION ALL SELECT 4, '1.5'";
const char* const kMissing = "SELECT 2 AS id";

TEST_F(ContractTest, EvolveAddsColumnsAndWidensTypes) {
  EXPECT_EQ(Outcome(Contract::kEvolve, kNewColumn),
            "id INTEGER, amount INTEGER, extra VARCHAR: 1|10|NULL 2|20|x 3|30|NULL");
  EXPECT_EQ(Outcome(Contract::kEvolve, kWiderType),
            "id INTEGER, amount BIGINT: 1|10 2|3000000000 3|30");
  EXPECT_EQ(Outcome(Contract::kEvolve, kMissing), "id INTEGER, amount INTEGER: 1|10 2|NULL");
  EXPECT_EQ(Outcome(Contract::kEvolve, "SELECT 2::TINYINT AS ID, 7::SMALLINT AS Amount"),
            "id INTEGER, amount INTEGER: 1|10 2|7");
  EXPECT_EQ(Outcome(Contract::kEvolve, kText),
            "2 rows do not fit s.t5, for example: column 'amount' is INTEGER, not '1.5' (correct "
            "them in the SQL, or "
            "set the target's contract to discard_row or discard_value)");
  EXPECT_EQ(Outcome(Contract::kEvolve, "SELECT 2 AS id, DATE '2024-01-01' AS amount"),
            "the rows do not have the shape of s.t6: column 'amount' is INTEGER, the rows have "
            "DATE (cast the column "
            "in the task's SQL, or write to another table)");
}

TEST_F(ContractTest, FreezeNamesEveryDifference) {
  EXPECT_EQ(Outcome(Contract::kFreeze, "SELECT 2::TINYINT AS id, 20 AS amount"),
            "id INTEGER, amount INTEGER: 1|10 2|20");
  EXPECT_EQ(Outcome(Contract::kFreeze, "SELECT 'a' AS id, 1 AS other, 2 AS another"),
            "the rows do not have the shape of s.t2: column 'id' is INTEGER, the rows have "
            "VARCHAR; column 'amount' is "
            "missing; column 'other' is new; column 'another' is new (change the SQL, or the "
            "target's contract "
            "(evolve, discard_row, discard_value))");
  EXPECT_EQ(Outcome(Contract::kFreeze, kWiderType),
            "the rows do not have the shape of s.t3: column 'amount' is INTEGER, the rows have "
            "BIGINT (change the SQL, "
            "or the target's contract (evolve, discard_row, discard_value))");
}

TEST_F(ContractTest, DiscardRowSetsRowsAside) {
  EXPECT_EQ(Outcome(Contract::kDiscardRow, kNewColumn), "id INTEGER, amount INTEGER: 1|10 3|30");
  EXPECT_EQ(rejects_, (Lines{"2|20|x|contract|column 'extra' is not in s.t1"}));
  EXPECT_EQ(Outcome(Contract::kDiscardRow, kWiderType), "id INTEGER, amount INTEGER: 1|10 3|30");
  EXPECT_EQ(rejects_,
            (Lines{"2|3000000000|contract|column 'amount' is INTEGER, not '3000000000'"}));
  EXPECT_EQ(Outcome(Contract::kDiscardRow, kText), "id INTEGER, amount INTEGER: 1|10 3|30");
  EXPECT_EQ(rejects_, (Lines{"2|abc|contract|column 'amount' is INTEGER, not 'abc'",
                             "4|1.5|contract|column 'amount' is INTEGER, not '1.5'"}));
  EXPECT_EQ(
      Outcome(Contract::kDiscardRow, "SELECT 2 AS id, 1.5::DOUBLE AS amount UNION ALL SELECT 3, 4"),
      "id INTEGER, amount INTEGER: 1|10 3|4");
}

TEST_F(ContractTest, DiscardValueKeepsTheRow) {
  EXPECT_EQ(Outcome(Contract::kDiscardValue, kNewColumn),
            "id INTEGER, amount INTEGER: 1|10 2|20 3|30");
  EXPECT_EQ(Outcome(Contract::kDiscardValue, kWiderType),
            "id INTEGER, amount INTEGER: 1|10 2|NULL 3|30");
  EXPECT_EQ(Outcome(Contract::kDiscardValue, kText),
            "id INTEGER, amount INTEGER: 1|10 2|NULL 3|30 4|NULL");
  EXPECT_TRUE(rejects_.empty());
}

TEST_F(ContractTest, HoldsInEveryMode) {
  struct Case {
    Mode mode;
    std::string evolve, discard_row, discard_value;
  };
  // The rows: (1, 'x' in an unknown column) and (2, without).
  const std::string rows =
      "SELECT 1 AS id, 11 AS amount, 'x' AS extra UNION ALL SELECT 2, 22, NULL";
  const Case cases[] = {
      {Mode::kAppend, "1|10|NULL 1|11|x 2|22|NULL", "1|10 2|22", "1|10 1|11 2|22"},
      {Mode::kReplace, "1|11|x 2|22|NULL", "2|22", "1|11 2|22"},
      {Mode::kMerge, "1|11|x 2|22|NULL", "1|10 2|22", "1|11 2|22"},
      {Mode::kDeleteInsert, "1|11|x 2|22|NULL", "1|10 2|22", "1|11 2|22"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(static_cast<int>(each.mode));
    EXPECT_EQ(Outcome(Contract::kEvolve, rows, each.mode),
              "id INTEGER, amount INTEGER, extra VARCHAR: " + each.evolve);
    EXPECT_EQ(Outcome(Contract::kDiscardRow, rows, each.mode),
              "id INTEGER, amount INTEGER: " + each.discard_row);
    EXPECT_EQ(Outcome(Contract::kDiscardValue, rows, each.mode),
              "id INTEGER, amount INTEGER: " + each.discard_value);
    EXPECT_TRUE(Outcome(Contract::kFreeze, rows, each.mode).find("'extra' is new") !=
                std::string::npos);
  }
}

TEST_F(ContractTest, ReplaceTakesTheShapeOfTheRows) {
  EXPECT_EQ(
      Outcome(Contract::kEvolve, "SELECT 'a' AS name, DATE '2024-01-01' AS amount", Mode::kReplace),
      "name VARCHAR, amount DATE: a|2024-01-01");
}

TEST_F(ContractTest, MergeKeepsWhatTheRowsLack) {
  EXPECT_EQ(Outcome(Contract::kFreeze, "SELECT 1 AS id UNION ALL SELECT 2", Mode::kMerge),
            "id INTEGER, amount INTEGER: 1|10 2|NULL");
}

}  // namespace
}  // namespace millrace
