#include "base/failpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

namespace millrace {

namespace {

// Read once from the environment; never changes afterwards but for the count.
struct Armed {
  std::string name, action = "kill", log;
  std::atomic<int> hits_left{1};
  bool active = false;

  Armed() {
    if (const char* file = std::getenv("MILLRACE_FAILPOINT_LOG")) log = file;
    if (const char* spec = std::getenv("MILLRACE_FAILPOINT")) {
      name = spec;
      if (size_t at = name.find('='); at != name.npos) {
        action = name.substr(at + 1);
        name.resize(at);
      }
      if (size_t at = name.find('@'); at != name.npos) {
        hits_left = std::atoi(name.c_str() + at + 1);
        name.resize(at);
      }
    }
    active = !log.empty() || !name.empty();
  }
};

Armed& TheArmed() {
  static Armed armed;
  return armed;
}

void Log(const std::string& file, std::string_view name) {
  int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  std::string line = std::string(name) + "\n";
  [[maybe_unused]] ssize_t written = ::write(fd, line.data(), line.size());
  ::close(fd);
}

}  // namespace

Status Failpoint(std::string_view name) {
  Armed& armed = TheArmed();
  if (!armed.active) return Status::Ok();
  if (!armed.log.empty()) Log(armed.log, name);
  if (armed.name != name || armed.hits_left.fetch_sub(1) != 1) return Status::Ok();
  if (armed.action == "kill") {
    ::kill(::getpid(), SIGKILL);
    ::pause();
  }
  if (armed.action == "diskfull")
    return FromErrno(std::string("failpoint ") + std::string(name), ENOSPC);
  if (armed.action.starts_with("sleep:")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(armed.action.c_str() + 6)));
    return Status::Ok();
  }
  return {Code::kUnavailable, "failpoint " + std::string(name)};
}

}  // namespace millrace
