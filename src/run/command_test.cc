#include "run/command.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/hash.h"

namespace millrace {
namespace {

class CommandTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Status Shell(const std::string& script, std::stop_token stop = {}, int64_t max_log = 1 << 20) {
    TaskLog log(SystemClock(), folder_ + "/task.log", max_log);
    return RunCommand({.arguments = {"sh", "-c", script},
                       .environment = {{"MILLRACE_TASK", "p/t"}},
                       .folder = folder_},
                      log, stop);
  }
  std::string Log() {
    std::stringstream text;
    text << std::ifstream(folder_ + "/task.log").rdbuf();
    return text.str();
  }

  const std::string folder_ = testing::TempDir() + "millrace-command-" + NewUuid();
};

// Neither gone nor ended and waiting for somebody to ask.
bool Runs(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string number, name, state;
  return (stat >> number >> name >> state) && state != "Z" && state != "X";
}

TEST_F(CommandTest, RunsInItsFolderWithItsEnvironment) {
  ASSERT_TRUE(Shell("echo \"$MILLRACE_TASK\" > here; echo out; echo err >&2; cat").ok());
  std::string here;
  std::getline(std::ifstream(folder_ + "/here"), here);
  EXPECT_EQ(here, "p/t");
  EXPECT_NE(Log().find("out\nerr\n"), std::string::npos) << Log();
}

TEST_F(CommandTest, TellsHowItFailed) {
  Status status = Shell("echo first; echo 'no such table'; exit 3");
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.message(), "command sh ended with status 3: no such table");
  EXPECT_NE(Shell("kill -SEGV $$").message().find("signal Segmentation fault"), std::string::npos);

  TaskLog log(SystemClock(), folder_ + "/task.log");
  status = RunCommand(
      {.arguments = {"millrace-has-no-such-program"}, .environment = {}, .folder = folder_}, log,
      {});
  EXPECT_EQ(status.code(), Code::kNotFound) << status.ToString();
}

TEST_F(CommandTest, AStopEndsAllOfItsGroup) {
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    stop.request_stop();
  });
  auto begin = std::chrono::steady_clock::now();
  // Deaf to SIGTERM and chatty, as is its child.
  Status status = Shell(
      "trap '' TERM; (while :; do echo x; sleep 0.01; done) & echo $! > child; wait; while :; do "
      "echo y; sleep 0.01; done",
      stop.get_token());
  EXPECT_EQ(status.code(), Code::kCanceled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1200));
  pid_t child = 0;
  std::ifstream(folder_ + "/child") >> child;
  ASSERT_GT(child, 0);
  for (int i = 0; i < 100 && Runs(child); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(Runs(child)) << "the command's child " << child << " still runs";
}

TEST_F(CommandTest, DoesNotWaitForWhatItLeavesRunning) {
  auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(Shell("sleep 30 & echo done").ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(CommandTest, ItsLogIsBounded) {
  ASSERT_TRUE(Shell("yes | head -c 300000", {}, 5000).ok());
  EXPECT_LT(std::filesystem::file_size(folder_ + "/task.log"), 80'000u);
  EXPECT_NE(Log().find("the log is full"), std::string::npos);
}

}  // namespace
}  // namespace millrace
