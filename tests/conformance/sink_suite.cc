// What every sink must do. See docs/CONNECTORS.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "conformance/crash_child.h"
#include "conformance/suite.h"

namespace millrace::conformance {
namespace {

using Clock = std::chrono::steady_clock;
using Lines = std::vector<std::string>;

constexpr const char* kTask = "suite/write";
constexpr auto kStopLimit = std::chrono::seconds(1);

class SinkSuite : public testing::TestWithParam<SinkKind> {
 protected:
  std::unique_ptr<Sink> Make(const std::string& task = kTask) {
    auto sink = world_.MakeSink(GetParam().connector, GetParam().config, task);
    EXPECT_TRUE(sink.ok()) << sink.status().ToString();
    return sink.ok() ? *std::move(sink) : nullptr;
  }
  void Write(int64_t sequence, const std::string& rows, const std::string& task = kTask) {
    Status status = WriteOnce(world_, GetParam(), task, sequence, rows);
    ASSERT_TRUE(status.ok()) << "commit " << sequence << ": " << status.ToString();
  }
  std::optional<Committed> Last(const std::string& task = kTask) {
    auto last = Make(task)->LastCommit(task, {});
    EXPECT_TRUE(last.ok()) << last.status().ToString();
    return last.ok() ? *last : std::nullopt;
  }
  // What a reader sees; nothing where there is no target yet.
  Lines Seen(const std::string& columns = "id, v") {
    Lines lines = world_.Lines("SELECT " + columns + " FROM (" + GetParam().read(world_) + ")");
    bool missing = lines.size() == 1 && lines[0].find("No files found") != std::string::npos;
    return missing ? Lines() : lines;
  }
  Lines Expect(int first, int last) { return world_.Lines(Ids(first, last)); }
  // After commits of 1..3 and of 4..6.
  Lines ExpectBoth() { return GetParam().replaces ? Expect(4, 6) : Expect(1, 6); }

  World world_{GetParam().lake};
};

TEST_P(SinkSuite, ProbeWritesNothing) {
  Lines before = world_.Files();
  Status status = Make()->Probe({});
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(world_.Files(), before);
}

TEST_P(SinkSuite, WritesAndRemembersTheCommit) {
  EXPECT_FALSE(Last().has_value());
  Write(1, Ids(1, 3));
  EXPECT_EQ(Seen(), Expect(1, 3));
  ASSERT_TRUE(Last().has_value());
  EXPECT_EQ(Last()->sequence, 1);
  EXPECT_TRUE(Last()->position.empty() || Last()->position == "position 1") << Last()->position;
  Write(2, Ids(4, 6));
  EXPECT_EQ(Seen(), ExpectBoth());
  EXPECT_EQ(Last()->sequence, 2);
}

TEST_P(SinkSuite, CommittedTwiceCountsOnce) {
  Write(1, Ids(1, 3));
  Write(2, Ids(4, 6));
  Write(2, Ids(4, 6));
  EXPECT_EQ(Seen(), ExpectBoth());
  EXPECT_EQ(Last()->sequence, 2);
}

TEST_P(SinkSuite, WithoutCommitNothingStays) {
  if (GetParam().shows_early) GTEST_SKIP() << "declared by its entry: rows are seen at once";
  Write(1, Ids(1, 3));
  Lines before = world_.Files();
  ASSERT_TRUE(WriteUncommitted(world_, GetParam(), kTask, 2, Ids(4, 6)).ok());
  EXPECT_EQ(Seen(), Expect(1, 3));
  EXPECT_EQ(Last()->sequence, 1);
  Lines after = world_.Files();
  std::erase_if(after, [](const std::string& file) { return file.starts_with("incoming-"); });
  std::erase_if(before, [](const std::string& file) { return file.starts_with("incoming-"); });
  EXPECT_EQ(after, before);
}

TEST_P(SinkSuite, TasksCountForThemselves) {
  if (GetParam().replaces) GTEST_SKIP() << "declared by its entry: it replaces what others wrote";
  Write(1, Ids(1, 3), "suite/one");
  EXPECT_FALSE(Last("suite/two").has_value());
  Write(5, Ids(4, 6), "suite/two");
  EXPECT_EQ(Last("suite/one")->sequence, 1);
  EXPECT_EQ(Last("suite/two")->sequence, 5);
}

TEST_P(SinkSuite, NoRowsAreACommitToo) {
  Write(1, Ids(1, 3));
  Write(2, "SELECT * FROM (" + Ids(1, 1) + ") WHERE false");
  EXPECT_EQ(Last()->sequence, 2);
  EXPECT_EQ(Seen(), GetParam().replaces ? Lines() : Expect(1, 3));
}

TEST_P(SinkSuite, KeepsNullsAndEveryType) {
  if (GetParam().fixed_shape)
    GTEST_SKIP() << "declared by its entry: its columns are always the same";
  std::string rows = "SELECT " + GetParam().types + " FROM (" + EveryType() + ")";
  Write(1, rows);
  EXPECT_EQ(Seen("*"), world_.Lines(rows));
}

TEST_P(SinkSuite, ANewColumnComesOrIsRefusedClearly) {
  if (GetParam().fixed_shape)
    GTEST_SKIP() << "declared by its entry: its columns are always the same";
  Write(1, Ids(1, 3));
  Status status =
      WriteOnce(world_, GetParam(), kTask, 2, "SELECT *, id * 2 AS twice FROM (" + Ids(4, 6) + ")");
  if (status.ok()) {
    EXPECT_EQ(Seen("id, v, twice").back(), "6|v6|12");
    return;
  }
  EXPECT_NE(status.message().find("twice"), std::string::npos) << status.ToString();
  EXPECT_EQ(Seen(), Expect(1, 3));
}

TEST_P(SinkSuite, AnImpossibleTargetIsToldAndLeavesTheRest) {
  GetParam().spoil(world_);
  Status status = WriteOnce(world_, GetParam(), kTask, 1, Ids(1, 3));
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.code(), Code::kInternal) << status.ToString();
  EXPECT_FALSE(status.message().empty());
}

TEST_P(SinkSuite, StopsWithinASecond) {
  std::unique_ptr<Sink> sink = Make();
  if (!sink->TakesRows()) GTEST_SKIP() << "declared by the sink: it takes files";
  std::string endless = "SELECT " + GetParam().columns +
                        " FROM (SELECT range AS id, 'v' || range AS v FROM range(100000000000))";
  ASSERT_TRUE(sink->Open(world_.session().Describe({endless})->schema, {}, {}).ok());
  std::stop_source stop;
  Clock::time_point asked;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    asked = Clock::now();
    stop.request_stop();
  });
  Result<WriteCount> count = sink->WriteFrom(world_.session(), {endless}, stop.get_token());
  stopper.join();
  EXPECT_LT(Clock::now() - asked, kStopLimit);
  EXPECT_EQ(count.code(), Code::kCanceled) << count.status().ToString();
  sink.reset();
  if (!GetParam().shows_early) {
    EXPECT_EQ(Seen(), Lines());
  }
}

// Killed at any point of the second commit, that commit made again gives what an undisturbed one
// gives.
TEST_P(SinkSuite, KilledAnywhereItComesOnce) {
  Write(1, Ids(1, 3));
  std::vector<std::string> points = FailpointsOf(world_, GetParam(), kTask);
  points.insert(points.begin(), kBeforeCommit);
  for (size_t i = 0; i < points.size(); ++i) {
    World world(GetParam().lake);
    ASSERT_TRUE(WriteOnce(world, GetParam(), kTask, 1, Ids(1, 3)).ok());
    ASSERT_TRUE(DieWriting(world, GetParam(), kTask, points[i]))
        << points[i] << ": the child did not die";
    {
      auto sink = world.MakeSink(GetParam().connector, GetParam().config, kTask);
      auto last = (*sink)->LastCommit(kTask, {});
      ASSERT_TRUE(last.ok()) << points[i] << ": " << last.status().ToString();
      ASSERT_TRUE(last->has_value()) << points[i];
      if (points[i] == kBeforeCommit) {
        EXPECT_EQ((*last)->sequence, 1);
      }
    }
    Status again = WriteOnce(world, GetParam(), kTask, 2, Ids(4, 6));
    ASSERT_TRUE(again.ok()) << points[i] << ": " << again.ToString();
    EXPECT_EQ(world.Lines("SELECT id, v FROM (" + GetParam().read(world) + ")"), ExpectBoth())
        << points[i];
    EXPECT_EQ(
        (*(*world.MakeSink(GetParam().connector, GetParam().config, kTask))->LastCommit(kTask, {}))
            ->sequence,
        2);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SinkSuite);
INSTANTIATE_TEST_SUITE_P(Every, SinkSuite, testing::ValuesIn(SinkKinds()),
                         [](const auto& info) { return info.param.label; });

}  // namespace
}  // namespace millrace::conformance
