// The runner of golden tests must fail when a test does not hold: shown with a shell script as the
// program.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/golden/golden_file.h"

namespace fs = std::filesystem;
using namespace millrace::golden;

namespace {

class GoldenRunner : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("golden-runner-test-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    Write("millrace", "#!/bin/sh\necho a,b\necho \"$4\"\necho oops >&2\nexit \"${5:-0}\"\n");
    fs::permissions(folder_ / "millrace", fs::perms::owner_all);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  // Exit code; the output in out_.
  int Run(const std::string& test, const std::string& options = "") {
    Write("x.test", test);
    std::string command = "TMPDIR='" + folder_.string() + "' GOLDEN_SECONDS=1 " GOLDEN_RUNNER " " +
                          options + " '" + (folder_ / "millrace").string() + "' '" +
                          (folder_ / "x.test").string() + "' > '" + (folder_ / "out").string() +
                          "' 2>&1";
    int status = system(command.c_str());
    std::ifstream in(folder_ / "out");
    std::stringstream text;
    text << in.rdbuf();
    out_ = text.str();
    return WEXITSTATUS(status);
  }

  fs::path folder_;
  std::string out_;
};

TEST_F(GoldenRunner, PassesWhenAllHolds) {
  EXPECT_EQ(Run("# all holds\n--- file in/x.txt\nhello\n\n--- $ cat in/x.txt; pwd\n--- "
                "stdout\nhello\n{FOLDER}\n"
                "--- query it's\na,b\nit's\n--- $ millrace 1 2 3 4 7\n--- exit 7\n--- stderr "
                "contains\noop\n"
                "--- lacks\nnever\n"),
            0)
      << out_;
  EXPECT_EQ(out_, "1 passed, 0 failed\n");
}

TEST_F(GoldenRunner, TellsEachMismatchWithItsLine) {
  EXPECT_EQ(Run("# wrong\n--- $ echo one; echo two\n--- exit 3\n--- stdout\none\ntwoo\n--- query "
                "q\na,b\n"),
            1);
  EXPECT_NE(out_.find("x.test:3: exit 0 instead of 3"), std::string::npos) << out_;
  EXPECT_NE(out_.find("x.test:4: stdout differs"), std::string::npos) << out_;
  EXPECT_NE(out_.find("    one\n  - twoo\n  + two\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("x.test:7: stdout differs"), std::string::npos) << out_;
  EXPECT_NE(out_.find("0 passed, 1 failed\n"), std::string::npos) << out_;
  EXPECT_EQ(Run("# wrong\n--- $ echo one\n--- stdout contains\nzwei\n--- lacks\none\n"), 1);
  EXPECT_NE(out_.find("x.test:4: stdout lacks: zwei"), std::string::npos) << out_;
  EXPECT_NE(out_.find("x.test:6: the output must not have: one"), std::string::npos) << out_;
}

TEST_F(GoldenRunner, KillsWhatTakesTooLong) {
  EXPECT_EQ(Run("# slow\n--- $ sleep 30 & sleep 30\n"), 1);
  EXPECT_NE(out_.find("took longer than 1 s"), std::string::npos) << out_;
}

TEST_F(GoldenRunner, RefusesTestsThatCannotFail) {
  EXPECT_EQ(Run("# nothing runs\n--- file a\nx\n"), 1);
  EXPECT_EQ(Run("--- $ true\n"), 1);
  EXPECT_EQ(Run("# odd\n--- $ true\n--- stdou\nx\n"), 1);
  EXPECT_NE(out_.find("x.test:3: not understood: --- stdou"), std::string::npos) << out_;
}

TEST_F(GoldenRunner, UpdateWritesWhatCame) {
  EXPECT_EQ(Run("# update\n--- $ echo one\n--- stdout\nuno\ndue\n\n--- query q\n", "--update"), 0)
      << out_;
  std::ifstream in(folder_ / "x.test");
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), "# update\n--- $ echo one\n--- stdout\none\n\n--- query q\na,b\nq\n");
}

}  // namespace
