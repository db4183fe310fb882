// What every source must do. See docs/CONNECTORS.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/text.h"
#include "conformance/suite.h"

namespace millrace::conformance {
namespace {

using Clock = std::chrono::steady_clock;
using Lines = std::vector<std::string>;

constexpr auto kStopLimit = std::chrono::seconds(1);

class SourceSuite : public testing::TestWithParam<SourceKind> {
 protected:
  std::unique_ptr<Source> Make() {
    auto source = world_.MakeSource(GetParam().connector, GetParam().config);
    EXPECT_TRUE(source.ok()) << source.status().ToString();
    return source.ok() ? *std::move(source) : nullptr;
  }
  void Add(const std::string& rows) {
    Status status = GetParam().add(world_, rows);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  Position Latest(const std::optional<Position>& begin = {}) {
    auto latest = Make()->Latest(begin, {});
    EXPECT_TRUE(latest.ok()) << latest.status().ToString();
    return latest.ok() ? *latest : Position{"none"};
  }

  // A relation over the opened range, as run/ makes it.
  Result<std::string> Relation(Source& source) {
    Session& session = world_.session();
    if (std::optional<Sql> scan = TRY(source.NativeScan(session))) return scan->text;
    TRY(session.Bind("suite_once", ReadBySource(source), {}));
    TRY(session.Materialize("suite_rows", {"SELECT * FROM suite_once"}, {}));
    TRY(session.Drop("suite_once"));
    return std::string("SELECT * FROM suite_rows");
  }
  // Rows of a range, read by a source of its own; `columns` "" for id and v.
  Lines Read(const Range& range, const std::string& columns = "") {
    std::unique_ptr<Source> source = Make();
    Status opened = source->Open(range, {});
    if (!opened.ok()) return {opened.ToString()};
    Result<std::string> relation = Relation(*source);
    if (!relation.ok()) return {relation.status().ToString()};
    std::string wanted = columns.empty() ? GetParam().columns : columns;
    return world_.Lines("SELECT " + wanted + " FROM (" + *relation + ")");
  }
  Lines Expect(int first, int last) { return world_.Lines(Ids(first, last)); }

  World world_{GetParam().lake};
};

TEST_P(SourceSuite, ProbeSaysWhetherItIsThere) {
  Add(Ids(1, 3));
  Status there = Make()->Probe({});
  EXPECT_TRUE(there.ok()) << there.ToString();
}

TEST_P(SourceSuite, WhatIsMissingIsNamed) {
  Add(Ids(1, 1));
  auto source = world_.MakeSource(GetParam().connector, GetParam().missing_config);
  ASSERT_TRUE(source.ok()) << source.status().ToString();
  Status probe = (*source)->Probe({});
  EXPECT_FALSE(probe.ok());
  EXPECT_NE(probe.code(), Code::kInternal) << probe.ToString();
  EXPECT_NE(probe.message().find("missing"), std::string::npos)
      << "the message must name what is missing: " << probe.ToString();
  EXPECT_EQ((*source)->Latest({}, {}).code(), probe.code());
}

TEST_P(SourceSuite, ReadsAllThereIs) {
  Add(Ids(1, 500));
  EXPECT_EQ(Read({}), Expect(1, 500));
  EXPECT_EQ(Read({.end = Latest()}), Expect(1, 500));
}

TEST_P(SourceSuite, LatestMovesOnlyWithRows) {
  Add(Ids(1, 3));
  Position first = Latest();
  EXPECT_EQ(Latest(), first);
  EXPECT_EQ(Latest(first), first);
  Add(Ids(4, 6));
  EXPECT_NE(Latest(), first);
  EXPECT_NE(Latest(first), first);
}

TEST_P(SourceSuite, ResumesFromAPosition) {
  if (!Make()->CanResume()) GTEST_SKIP() << "declared by the source: it cannot resume";
  Add(Ids(1, 3));
  Position first = Latest();
  Add(Ids(4, 6));
  Position second = Latest(first);
  EXPECT_EQ(Read({.begin = first, .end = second}), Expect(4, 6));
  EXPECT_EQ(Read({.begin = first}), Expect(4, 6));
}

TEST_P(SourceSuite, AReplayedRangeGivesTheSameRows) {
  Add(Ids(1, 3));
  Position first = Latest();
  Lines once = Read({.end = first});
  Add(Ids(4, 6));
  Position second = Latest(first);
  Add(Ids(7, 9));
  EXPECT_EQ(Read({.end = first}), once) << "from the start, after more has come";
  EXPECT_EQ(Read({.end = second}), Expect(1, 6));
  if (!Make()->CanResume()) return;
  Lines middle = Read({.begin = first, .end = second});
  EXPECT_EQ(middle, Expect(4, 6));
  EXPECT_EQ(Read({.begin = first, .end = second}), middle);
}

TEST_P(SourceSuite, AnEmptyRangeHasColumnsAndNoRows) {
  if (!Make()->CanResume()) GTEST_SKIP() << "declared by the source: it cannot resume";
  Add(Ids(1, 3));
  Position first = Latest();
  EXPECT_EQ(Read({.begin = first, .end = first}), Lines());
}

TEST_P(SourceSuite, KeepsNulls) {
  if (GetParam().fixed_shape)
    GTEST_SKIP() << "declared by its entry: its columns are always the same";
  std::string rows =
      "SELECT 1::BIGINT AS id, 'a' AS v, NULL::VARCHAR AS never UNION ALL SELECT 2, NULL, NULL";
  Add(rows);
  EXPECT_EQ(Read({}, "id, v, never"), world_.Lines(rows));
}

TEST_P(SourceSuite, KeepsEveryType) {
  if (GetParam().fixed_shape || GetParam().untyped)
    GTEST_SKIP() << "declared by its entry: rows are text";
  std::string rows = "SELECT " + GetParam().types + " FROM (" + EveryType() + ")";
  Add(rows);
  EXPECT_EQ(Read({}, "COLUMNS(c -> c NOT LIKE '\\_%' ESCAPE '\\')"), world_.Lines(rows));
}

TEST_P(SourceSuite, ANewColumnIsSeen) {
  if (GetParam().fixed_shape)
    GTEST_SKIP() << "declared by its entry: its columns are always the same";
  Add(Ids(1, 2));
  Position first = Latest();
  Add("SELECT *, id * 2 AS twice FROM (" + Ids(3, 3) + ")");
  Range range{.end = Latest(first)};
  if (Make()->CanResume()) range.begin = first;
  Lines rows = Read(range, "id, twice");
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.back(), "3|6");
}

TEST_P(SourceSuite, DescribeTellsTheColumnsOffline) {
  Add(Ids(1, 3));
  std::unique_ptr<Source> source = Make();
  auto schema = source->Describe(world_.session(), {});
  ASSERT_TRUE(schema.ok()) << schema.status().ToString();
  if (!*schema) return;  // it cannot be known without reading
  ASSERT_TRUE(source->Open({}, {}).ok());
  auto relation = Relation(*source);
  ASSERT_TRUE(relation.ok()) << relation.status().ToString();
  auto described = world_.session().Describe({*relation});
  ASSERT_TRUE(described.ok());
  EXPECT_EQ((*schema)->Names(), described->schema.Names());
  for (const Column& column : (*schema)->columns) {
    EXPECT_EQ(column.type.ToSql(), described->schema.Find(column.name)->type.ToSql())
        << column.name;
  }
}

TEST_P(SourceSuite, TheSchemaKeyChangesWithWhatIsThere) {
  Add(Ids(1, 3));
  std::string key = Make()->SchemaKey();
  EXPECT_EQ(Make()->SchemaKey(), key);
  if (key.empty() || GetParam().fixed_shape) return;  // it has none, or need not change
  Add("SELECT *, 1 AS more FROM (" + Ids(4, 4) + ")");
  EXPECT_NE(Make()->SchemaKey(), key);
}

TEST_P(SourceSuite, StopsWithinASecond) {
  Add(Ids(1, 100000));
  std::stop_source stop;
  stop.request_stop();
  auto begin = Clock::now();
  std::unique_ptr<Source> source = Make();
  (void)source->Probe(stop.get_token()).ok();
  (void)source->Latest({}, stop.get_token()).ok();
  Status opened = source->Open({}, stop.get_token());
  EXPECT_TRUE(opened.ok() || opened.code() == Code::kCanceled) << opened.ToString();
  EXPECT_LT(Clock::now() - begin, kStopLimit);
}

TEST_P(SourceSuite, AcknowledgedItLeavesNothingStaged) {
  Add(Ids(1, 3));
  Position first = Latest();
  Add(Ids(4, 6));
  Range range{.end = Latest(first)};
  if (Make()->CanResume()) range.begin = first;
  {
    std::unique_ptr<Source> source = Make();
    ASSERT_TRUE(source->Open(range, {}).ok());
    auto relation = Relation(*source);
    ASSERT_TRUE(relation.ok()) << relation.status().ToString();
    world_.Lines(*relation);
    auto rejects = source->DecodeRejects(world_.session());
    ASSERT_TRUE(rejects.ok()) << rejects.status().ToString();
    EXPECT_TRUE(source->Acknowledge(*range.end).ok());
  }
  for (const std::string& file : world_.Files()) {
    EXPECT_FALSE(file.starts_with(".millrace/staging/")) << file;
  }
}

TEST_P(SourceSuite, APositionOfSomethingElseIsRefused) {
  Add(Ids(1, 3));
  Status status = Make()->Open({.begin = Position{"no position of any source"}}, {});
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), Code::kInvalid) << status.ToString();
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SourceSuite);
INSTANTIATE_TEST_SUITE_P(Every, SourceSuite, testing::ValuesIn(SourceKinds()),
                         [](const auto& info) { return info.param.label; });

}  // namespace
}  // namespace millrace::conformance
