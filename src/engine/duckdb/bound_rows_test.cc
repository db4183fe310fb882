// Rows that go straight from a reader through statements: in slices, on several threads.
#include "data/column_builder.h"
#include "data/one_batch.h"
#include "engine/duckdb/session_testing.h"
#include "engine/row_by_row.h"

namespace millrace {

namespace {

constexpr int64_t kBatch = 9'999, kBatches = 40;  // no multiple of the engine's vectors

const Schema& Shape() {
  static const Schema shape{{{"i", {TypeKind::kBigInt}},
                             {"s", {TypeKind::kVarchar}},
                             {"b", {TypeKind::kBoolean}},
                             {"st", {TypeKind::kStruct, 0, 0, {{"x", {TypeKind::kInteger}}}}},
                             {"l", {TypeKind::kList, 0, 0, {{"", {TypeKind::kBigInt}}}}}}};
  return shape;
}

class Numbers final : public RowReader {
 public:
  Result<std::optional<Rows>> Next(std::stop_token) override {
    if (batches_++ == kBatches) return std::optional<Rows>();
    for (int64_t row = 0; row < kBatch; ++row, ++next_) {
      rows_.column(0).AppendInt(next_);
      if (next_ % 7 == 0)
        rows_.column(1).AppendNull();
      else
        rows_.column(1).AppendBytes("a text that is not short: " + std::to_string(next_));
      rows_.column(2).AppendBool(next_ % 3 == 0);
      rows_.column(3).child(0).AppendInt(next_ % 1000);
      rows_.column(3).EndStruct();
      for (int64_t i = 0; i < next_ % 4; ++i) rows_.column(4).child(0).AppendInt(next_ + i);
      rows_.column(4).EndList();
      TRY(rows_.EndRow());
    }
    return std::optional(TRY(rows_.Take()));
  }

 private:
  BatchBuilder rows_{Shape()};
  int64_t next_ = 0, batches_ = 0;
};

constexpr const char* kExpected =
    "SELECT range AS i, CASE WHEN range % 7 = 0 THEN NULL ELSE 'a text that is not short: ' || "
    "range END AS s, range % 3 = 0 AS b, {'x': (range % 1000)::INTEGER} AS st, "
    "[range + e FOR e IN range(range % 4)] AS l FROM range(9999 * 40)";

}  // namespace

TEST_F(EngineTest, BoundRowsAreWrittenByAllThreads) {
  ASSERT_TRUE(session_->Bind("input", std::make_unique<Numbers>(), {}).ok());
  auto files = session_->WriteParquet({"SELECT * FROM input"},
                                      {.folder = folder_.string(), .prefix = "p-"}, {});
  ASSERT_TRUE(files.ok()) << files.status().ToString();
  std::string written = "SELECT * FROM read_parquet('" + folder_.string() + "/p-*')";
  EXPECT_EQ(Value("SELECT count(*), count(DISTINCT i) FROM (" + written + ")"), "399960|399960");
  std::string expected = kExpected;
  EXPECT_EQ(Value("SELECT count(*) FROM (" + expected + " EXCEPT ALL " + written + ")"), "0");
  EXPECT_EQ(SchemaOf("SELECT i, b FROM input"), "i BIGINT, b BOOLEAN");  // after they were read
}

TEST_F(EngineTest, BoundRowsKeepTheirOrderElsewhere) {
  ASSERT_TRUE(session_->Bind("input", std::make_unique<Numbers>(), {}).ok());
  auto reader = session_->Query({"SELECT i FROM input WHERE i % 2 = 0"}, {});
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  int64_t next = 0;
  while (true) {
    auto rows = (*reader)->Next({});
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    if (!*rows) break;
    ASSERT_TRUE(session_->Bind("part", std::make_unique<OneBatch>(**rows), {}).ok());
    EXPECT_EQ(Value("SELECT min(i) || ' ' || count(*) FROM part"),
              std::to_string(next) + " " + std::to_string((*rows)->count()));
    next += 2 * (*rows)->count();
  }
  EXPECT_EQ(next, kBatch * kBatches);
}

TEST_F(EngineTest, TellsWhatIsRowByRow) {
  ASSERT_TRUE(session_->Bind("input", std::make_unique<Numbers>(), {}).ok());
  ASSERT_TRUE(session_->Materialize("other", {"SELECT 1 AS i"}, {}).ok());
  auto is = [&](const std::string& sql) {
    Result<bool> answer = IsRowByRow(*session_, {sql});
    EXPECT_TRUE(answer.ok()) << answer.status().ToString();
    return answer.ok() && *answer;
  };
  EXPECT_TRUE(is("SELECT * FROM input"));
  EXPECT_TRUE(is("WITH a AS (SELECT i + 1 AS j, s FROM input) SELECT upper(s) FROM a WHERE j > 5"));
  for (const char* sql :
       {"SELECT i FROM other", "SELECT count(*) FROM input", "SELECT * FROM input LIMIT 5",
        "SELECT * FROM input ORDER BY s", "SELECT DISTINCT i FROM input", "SELECT 1 AS a",
        "SELECT row_number() OVER () FROM input", "SELECT * FROM input WHERE false",
        "SELECT random() FROM input", "SELECT * FROM input a JOIN other USING (i)",
        "SELECT * FROM input UNION ALL SELECT * FROM input", "SELECT unnest(l) FROM input"}) {
    EXPECT_FALSE(is(sql)) << sql;
  }
}

}  // namespace millrace
