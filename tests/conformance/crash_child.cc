#include "conformance/crash_child.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>

extern char** environ;

namespace millrace::conformance {

namespace {

constexpr const char* kFlag = "--write-and-die";

// Runs this program as a child. Its wait status, or -1.
int Spawn(const std::string& label, const std::string& folder, const std::string& task,
          const std::string& point, const std::vector<std::string>& variables) {
  std::vector<std::string> arguments = {"/proc/self/exe", kFlag, label, folder, task, point};
  std::vector<char*> argv, environment;
  for (std::string& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  for (char** each = environ; *each; ++each) {
    if (std::strncmp(*each, "MILLRACE_FAILPOINT", 18) != 0) environment.push_back(*each);
  }
  std::vector<std::string> kept = variables;
  for (std::string& each : kept) environment.push_back(each.data());
  environment.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), environment.data()) !=
      0)
    return -1;
  int status = 0;
  return ::waitpid(child, &status, 0) == child ? status : -1;
}

}  // namespace

bool DieWriting(World& world, const SinkKind& kind, const std::string& task,
                const std::string& point) {
  std::vector<std::string> variables;
  if (point != kBeforeCommit) variables.push_back("MILLRACE_FAILPOINT=" + point + "=kill");
  int status = Spawn(kind.label, world.folder(), task, point, variables);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

std::vector<std::string> FailpointsOf(World& world, const SinkKind& kind, const std::string& task) {
  World other(kind.lake);
  if (!WriteOnce(other, kind, task, 1, Ids(1, 3)).ok()) return {};
  std::string log = world.Path("failpoints.log");
  Spawn(kind.label, other.folder(), task, "", {"MILLRACE_FAILPOINT_LOG=" + log});
  std::vector<std::string> points;
  std::map<std::string, int> counts;
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    points.push_back(line + "@" + std::to_string(++counts[line]));
  }
  return points;
}

int RunCrashChild(int count, char** arguments) {
  if (count != 6 || std::strcmp(arguments[1], kFlag) != 0) return -1;
  for (const SinkKind& kind : SinkKinds()) {
    if (kind.label != arguments[2]) continue;
    World world(kind.lake, arguments[3]);
    std::string point = arguments[5];
    if (point != kBeforeCommit) {
      Status status = WriteOnce(world, kind, arguments[4], 2, Ids(4, 6));
      if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
      return status.ok() ? 0 : 1;
    }
    auto sink = WriteUncommitted(world, kind, arguments[4], 2, Ids(4, 6));
    if (!sink.ok()) return 1;
    ::kill(::getpid(), SIGKILL);
  }
  return 1;
}

}  // namespace millrace::conformance
