#include <sys/resource.h>

#include "connect/file/file_set.h"
#include "connect/file/source_config.h"
#include "connect/reading_test.h"

namespace millrace::file {
namespace {

class FileSourceTest : public ReadingTest {
 protected:
  FileSourceTest() { config_.path = {"d/*.csv"}; }
  Result<std::unique_ptr<Source>> Make() override {
    context_ = std::make_unique<ConnectContext>(Context());
    return MakeSource(config_, *context_);
  }
  SourceConfig config_;
  std::unique_ptr<ConnectContext> context_;
};

TEST_F(FileSourceTest, EveryRowSaysItsFile) {
  Put("d/a.csv", "x,y\n1,one\n2,two\n");
  Put("d/b.csv", "x,y\n3,three\n");
  EXPECT_EQ(Read({}, "*"), (Lines{"1|one|d/a.csv", "2|two|d/a.csv", "3|three|d/b.csv"}));
  EXPECT_EQ(info_.files.size(), 2u);
  EXPECT_EQ(info_.files[0].path, Path("d/a.csv"));
  EXPECT_EQ(info_.bytes, 16 + 12);
}

TEST_F(FileSourceTest, NewFilesAreTakenAlone) {
  Put("d/a.csv", "x\n1\n");
  Position first = Latest();
  Put("d/b.csv", "x\n2\n");
  EXPECT_EQ(Read({.begin = first}), Lines{"2"});
  ASSERT_EQ(info_.files.size(), 1u);
  EXPECT_EQ(info_.files[0].path, Path("d/b.csv"));
}

TEST_F(FileSourceTest, AFileThatGrewGivesItsNewRowsWithTheirLines) {
  Put("d/a.csv", "x,y\n1,a\n2,b\n");
  Position first = Latest();
  Put("d/a.csv", "x,y\n1,a\n2,b\n3,c\nfour,d\n5,e\n");
  config_.csv.columns = {{"x", "BIGINT"}};
  EXPECT_EQ(Read({.begin = first}, "*"), (Lines{"3|c|d/a.csv", "5|e|d/a.csv"}));
  EXPECT_TRUE(info_.rewritten.empty());
  EXPECT_EQ(rejects_, Lines{"d/a.csv|5|four,d"});
}

TEST_F(FileSourceTest, TheLastLineMayLackItsEnd) {
  Put("d/a.csv", "x\n1\n2");
  Position first = Latest();
  Put("d/a.csv", "x\n1\n2\n3");
  EXPECT_EQ(Read({.begin = first}), Lines{"3"});
  EXPECT_TRUE(info_.rewritten.empty());
}

TEST_F(FileSourceTest, AValueThatWentOnIsARewrite) {
  Put("d/a.csv", "x\n1\n2");
  Position first = Latest();
  Put("d/a.csv", "x\n1\n23\n");
  EXPECT_EQ(Read({.begin = first}), (Lines{"1", "23"}));
  EXPECT_EQ(info_.rewritten, Lines{"d/a.csv"});
}

TEST_F(FileSourceTest, ARewrittenFileIsReadWhole) {
  Put("d/a.csv", "x\n1\n2\n");
  Position first = Latest();
  Put("d/a.csv", "x\n7\n8\n9\n");
  EXPECT_EQ(Read({.begin = first}), (Lines{"7", "8", "9"}));
  EXPECT_EQ(info_.rewritten, Lines{"d/a.csv"});
  config_.rewritten = Rewritten::kAppend;
  EXPECT_EQ(Read({.begin = first}), (Lines{"7", "8", "9"}));
  EXPECT_TRUE(info_.rewritten.empty());
  config_.rewritten = Rewritten::kFail;
  EXPECT_EQ(Read({.begin = first}), Lines{"d/a.csv has another content than when it was taken "
                                          "(`rewritten: replace` reads it again and "
                                          "removes its earlier rows)"});
}

TEST_F(FileSourceTest, ATouchedFileIsNotNews) {
  std::string path = Put("d/a.csv", "x\n1\n");
  Position first = Latest();
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_EQ(Latest(first), first);
  EXPECT_EQ(Latest(), first);
}

TEST_F(FileSourceTest, AFileThatIsGoneStaysTaken) {
  Put("d/a.csv", "x\n1\n");
  Put("d/b.csv", "x\n2\n");
  Position first = Latest();
  std::filesystem::remove(Path("d/a.csv"));
  EXPECT_EQ(Latest(first), first);
  std::filesystem::remove(Path("d/b.csv"));
  EXPECT_EQ(Latest(first), first) << "even when none is left";
  Put("d/a.csv", "x\n1\n");
  EXPECT_EQ(Latest(first), first) << "back again it is no news";
}

TEST_F(FileSourceTest, APlannedRangeIsReadThoughTheFileGrewOn) {
  Put("d/a.csv", "x\n1\n");
  Position first = Latest();
  Put("d/a.csv", "x\n1\n2\n");
  Position second = Latest(first);
  Put("d/a.csv", "x\n1\n2\n3\n");
  EXPECT_EQ(Read({.end = first}), Lines{"1"});
  EXPECT_EQ(Read({.end = second}), (Lines{"1", "2"}));
  EXPECT_EQ(Read({.begin = first, .end = second}), Lines{"2"});
}

TEST_F(FileSourceTest, APlannedRangeThatIsGoneIsToldSo) {
  Put("d/a.csv", "x\n1\n");
  Position planned = Latest();
  Put("d/a.csv", "x\n9\n");
  auto source = Make();
  EXPECT_EQ((*source)->Open({.end = planned}, {}).code(), Code::kInvalid);
  std::filesystem::remove(Path("d/a.csv"));
  Status gone = (*source)->Open({.end = planned}, {});
  EXPECT_EQ(gone.code(), Code::kInvalid);
  EXPECT_EQ(gone.message(), "d/a.csv is gone since this commit was planned");
}

TEST_F(FileSourceTest, AFileThatChangesWhileItIsReadIsTakenAnew) {
  Put("d/a.csv", "x\n1\n");
  auto source = *Make();
  Position latest = *source->Latest({}, {});
  ASSERT_TRUE(source->Open({.end = latest}, {}).ok());
  auto scan = source->NativeScan(*session_);
  ASSERT_TRUE(scan.ok());
  Collect((*scan)->text);
  Put("d/a.csv", "x\n1\n2\n");
  Status status = source->DecodeRejects(*session_).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("changed while it was read"), std::string::npos);
  Put("d/a.csv", "x\n7\n");
  EXPECT_EQ(source->Open({.end = latest}, {}).code(), Code::kUnavailable)
      << "between looking and reading";
}

TEST_F(FileSourceTest, CompressedFilesAndOtherFormats) {
  config_.path = {"d"};
  ASSERT_TRUE(session_
                  ->WriteFile({"SELECT 1 AS x"}, Put("d/a.csv.gz", ""), "csv",
                              {{"compression", "gzip"}}, {})
                  .ok());
  EXPECT_EQ(Read({}, "x, _source_file"), Lines{"1|d/a.csv.gz"});
  std::filesystem::remove(Path("d/a.csv.gz"));
  Put("d/a.jsonl", "{\"x\": 1, \"y\": null}\n{\"x\": 2, \"y\": \"b\"}\n");
  EXPECT_EQ(Read({}, "x, y"), (Lines{"1|NULL", "2|b"}));
}

TEST_F(FileSourceTest, ACompressedFileWithMoreIsARewrite) {
  config_.path = {"d/a.csv.gz"};
  std::string path = Put("d/a.csv.gz", "");
  ASSERT_TRUE(
      session_->WriteFile({"SELECT 1 AS x"}, path, "csv", {{"compression", "gzip"}}, {}).ok());
  Position first = Latest();
  ASSERT_TRUE(session_
                  ->WriteFile({"SELECT range AS x FROM range(3)"}, path, "csv",
                              {{"compression", "gzip"}}, {})
                  .ok());
  EXPECT_EQ(Read({.begin = first}), (Lines{"0", "1", "2"}));
  EXPECT_EQ(info_.rewritten, Lines{"d/a.csv.gz"});
}

TEST_F(FileSourceTest, EmptyFiles) {
  Put("d/a.csv", "");
  Lines alone = Read({});
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_NE(alone[0].find("a.csv"), std::string::npos) << alone[0];
  Put("d/b.csv", "x\n1\n");
  EXPECT_EQ(Read({}), Lines{"1"});
  Position first = Latest();
  Put("d/a.csv", "x\n2\n");
  EXPECT_EQ(Read({.begin = first}), Lines{"2"});
  EXPECT_TRUE(info_.rewritten.empty());
}

TEST_F(FileSourceTest, WhatIsCommittedGoesWhereItIsNotKept) {
  config_.keep = false;
  Put("d/a.csv", "x\n1\n");
  Put("d/b.csv", "x\n2\n");
  Position position = Latest();
  Put("d/b.csv", "x\n2\n3\n");
  Put("d/c.csv", "x\n4\n");
  std::unique_ptr<Source> source = *Make();
  ASSERT_TRUE(source->Acknowledge(position).ok());
  EXPECT_FALSE(std::filesystem::exists(Path("d/a.csv")));
  EXPECT_EQ(Read({.begin = position}), (Lines{"3", "4"})) << "what grew or came since then stays";
  ASSERT_TRUE(source->Acknowledge(position).ok()) << "twice";
  config_.keep = true;
  Position all = Latest(position);
  ASSERT_TRUE((*Make())->Acknowledge(all).ok());
  EXPECT_TRUE(std::filesystem::exists(Path("d/c.csv")));
}

TEST_F(FileSourceTest, ThousandsOfKnownFilesAreLookedAtFast) {
  for (int i = 0; i < 3000; ++i) {
    std::string path = Put("d/" + std::to_string(i) + ".csv", "x\n" + std::to_string(i) + "\n");
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  Position first = Latest();
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Latest(first), first);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

}  // namespace
}  // namespace millrace::file
