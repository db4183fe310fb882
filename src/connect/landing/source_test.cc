#include "connect/landing/config.h"
#include "connect/landing/landing.h"
#include "connect/reading_test.h"

namespace millrace::landing {
namespace {

class LandingSourceTest : public ReadingTest {
 protected:
  LandingSourceTest() { config_.path = "in/*.csv"; }
  Result<std::unique_ptr<Source>> Make() override {
    context_ = std::make_unique<ConnectContext>(Context());
    return MakeSource(config_, *context_);
  }
  void Land(const std::string& file, const std::string& bytes) {
    ConnectContext context = Context("test/land");
    std::unique_ptr<Sink> sink = *MakeSink({"in"}, context);
    ASSERT_TRUE(sink->Open({}, {}, {}).ok());
    ASSERT_TRUE(sink->TakeFiles({{{.path = Put("data/" + file, bytes)}}}, {}).ok());
    ASSERT_TRUE(sink->Commit({{"test/land", ++sequence_}, "", Time()}, {}).ok());
  }

  SourceConfig config_;
  std::unique_ptr<ConnectContext> context_;
  int64_t sequence_ = 0;
};

TEST_F(LandingSourceTest, ReadsWhatWasLanded) {
  Land("a.csv", "x\n1\n");
  Land("b.txt", "something else");
  EXPECT_EQ(Read({}, "*"), Lines{"1|landing/in/a.csv"});
  EXPECT_EQ(info_.files[0].path, Path("lake/landing/in/a.csv"));
}

TEST_F(LandingSourceTest, WhatElseLandsIsNoNews) {
  Land("a.csv", "x\n1\n");
  Position first = Latest();
  Land("b.txt", "something else");
  EXPECT_EQ(Latest(first), first);
  Land("c.csv", "x\n3\n");
  EXPECT_NE(Latest(first), first);
  EXPECT_EQ(Read({.begin = first}), Lines{"3"});
}

TEST_F(LandingSourceTest, WhatARetentionTookIsNotReadAndNotLostInSilence) {
  Land("a.csv", "x\n1\n");
  Position first = Latest();
  Land("b.csv", "x\n2\n");
  Time later = Time() + std::chrono::hours(1);
  ASSERT_EQ(*RemoveOlder(lake_->storage(), "in", later, later, {}), 2);
  Land("c.csv", "x\n3\n");
  EXPECT_EQ(Read({}), Lines{"3"}) << "who begins has what there is";
  EXPECT_EQ(info_.removed, 2);
  std::unique_ptr<Source> source = *Make();
  Status status = source->Open({.begin = first}, {});
  EXPECT_EQ(status.code(), Code::kInvalid) << "b.csv was never read by who goes on";
  EXPECT_NE(status.message().find("lake.retention.landing"), std::string::npos);
}

TEST_F(LandingSourceTest, AFileThatGrewGivesItsNewRowsCompressedToo) {
  config_.path = "in/*.csv.gz";
  auto gzip = [&](const std::string& sql) {
    std::string path = Put("gz", "");
    EXPECT_TRUE(session_->WriteFile({sql}, path, "csv", {{"compression", "gzip"}}, {}).ok());
    return Get("gz");
  };
  Land("a.csv.gz", gzip("SELECT range AS x FROM range(2)"));
  Position first = Latest();
  Land("a.csv.gz", gzip("SELECT range AS x FROM range(4)"));
  EXPECT_EQ(Read({.begin = first}), (Lines{"2", "3"}));
  EXPECT_TRUE(info_.rewritten.empty());
}

TEST_F(LandingSourceTest, ARewrittenFileIsReadWhole) {
  Land("a.csv", "x\n1\n2\n");
  Position first = Latest();
  Land("a.csv", "x\n8\n9\n");
  EXPECT_EQ(Read({.begin = first}), (Lines{"8", "9"}));
  EXPECT_EQ(info_.rewritten, Lines{"landing/in/a.csv"});
}

TEST_F(LandingSourceTest, ReplaysFindEarlierVersions) {
  Land("a.csv", "x\n1\n2\n");
  Position first = Latest();
  Land("a.csv", "x\n8\n9\n");
  Position second = Latest();
  Land("a.csv", "x\n7\n");
  EXPECT_EQ(Read({.end = first}), (Lines{"1", "2"}));
  EXPECT_EQ(Read({.begin = first, .end = second}), (Lines{"8", "9"}));
  EXPECT_EQ(Read({}), Lines{"7"});
}

TEST_F(LandingSourceTest, WhatIsMissingIsToldWithWhatIsThere) {
  Land("orders.csv", "x\n1\n");
  config_.path = "im/*.csv";
  EXPECT_EQ((*Make())->Latest({}, {}).status().ToString(),
            "nothing was landed in 'im' yet (did you mean 'in'?)");
  config_.path = "in/*.json";
  EXPECT_EQ((*Make())->Latest({}, {}).status().ToString(),
            "no file of landing 'in' matches '*.json' (it has orders.csv)");
}

}  // namespace
}  // namespace millrace::landing
