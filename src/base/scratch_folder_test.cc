#include "base/scratch_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

namespace fs = std::filesystem;

TEST(ScratchFolderTest, GoesWithItsOwnerAndSweepsWhatTheDeadLeft) {
  std::string pattern = (fs::temp_directory_path() / "scratch_test.XXXXXX").string();
  const std::string folder = ::mkdtemp(pattern.data());
  pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  std::string left = folder + "/a-" + std::to_string(dead) + "-1";
  std::string living = folder + "/a-" + std::to_string(::getppid());
  std::string other = folder + "/b-" + std::to_string(dead);
  for (const std::string& each : {left, living, other}) fs::create_directories(each + "/x");
  std::string own;
  {
    ScratchFolder scratch(folder, "a-");
    own = scratch.path();
    EXPECT_FALSE(fs::exists(scratch.path()));
    ASSERT_TRUE(scratch.Make().ok());
    std::ofstream(scratch.path() + "/file") << "1";
    EXPECT_FALSE(fs::exists(left));
    EXPECT_TRUE(fs::exists(living));
    EXPECT_TRUE(fs::exists(other));
  }
  EXPECT_FALSE(fs::exists(own));
  fs::remove_all(folder);
}

TEST(ScratchFolderTest, TwoOwnersDoNotMeet) {
  std::string pattern = (fs::temp_directory_path() / "scratch_test.XXXXXX").string();
  const std::string folder = ::mkdtemp(pattern.data());
  ScratchFolder stays(folder, "a-");
  ASSERT_TRUE(stays.Make().ok());
  { ASSERT_TRUE(ScratchFolder(folder, "a-").Make().ok()); }
  EXPECT_TRUE(fs::exists(stays.path()));
  stays.Remove();
  fs::remove_all(folder);
}

}  // namespace
}  // namespace millrace
