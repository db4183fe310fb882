#include "connect/content/journal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace millrace::content {
namespace {

TEST(Journal, KeepsStepsForTheNextOne) {
  std::string path = std::string(::testing::TempDir()) + "/journal-steps.json";
  std::filesystem::remove(path);
  {
    Journal journal = *Journal::Open(path);
    EXPECT_EQ(journal.Find("a"), std::nullopt);
    ASSERT_TRUE(journal.Record("a", "1").ok());
    ASSERT_TRUE(journal.Record("b", "\"two\"\n").ok());
    ASSERT_TRUE(journal.Record("a", "3").ok());
  }
  Journal journal = *Journal::Open(path);
  EXPECT_EQ(journal.Find("a"), "3");
  EXPECT_EQ(journal.Find("b"), "\"two\"\n");
  ASSERT_TRUE(journal.Forget("a").ok());
  EXPECT_EQ(Journal::Open(path)->All(), (std::map<std::string, std::string>{{"b", "\"two\"\n"}}));
}

TEST(Journal, AnotherFileIsNoJournal) {
  std::string path = std::string(::testing::TempDir()) + "/journal-bad.json";
  for (const char* text : {"", "[]", "{\"a\": 1}", "{\"a\": \"1\""}) {
    std::ofstream(path, std::ios::trunc) << text;
    EXPECT_EQ(Journal::Open(path).code(), Code::kInvalid) << text;
  }
}

TEST(Journal, AStepThatIsNotWrittenIsNotDone) {
  Journal journal = *Journal::Open(std::string(::testing::TempDir()) + "/no-such-folder/journal");
  EXPECT_FALSE(journal.Record("a", "1").ok());
  EXPECT_EQ(journal.Find("a"), std::nullopt);
}

}  // namespace
}  // namespace millrace::content
