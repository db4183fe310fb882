#include "base/scratch_folder.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace millrace {

namespace fs = std::filesystem;

namespace {

std::string OwnName() {
  static std::atomic<int64_t> owners = 0;
  return std::to_string(::getpid()) + "-" + std::to_string(++owners);
}

}  // namespace

ScratchFolder::ScratchFolder(std::string parent, std::string prefix)
    : parent_(std::move(parent)),
      prefix_(std::move(prefix)),
      path_(parent_ + "/" + prefix_ + OwnName()) {}

Status ScratchFolder::Make() {
  Sweep();
  std::error_code error;
  fs::create_directories(path_, error);
  return error ? FromErrno("cannot make folder " + path_, error.value()) : Status::Ok();
}

void ScratchFolder::Remove() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  Sweep();
}

void ScratchFolder::Sweep() const {
  std::error_code error;
  for (fs::directory_iterator it(parent_, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with(prefix_)) continue;
    char* rest = nullptr;
    long process = std::strtol(name.c_str() + prefix_.size(), &rest, 10);
    bool gone = process > 0 && (*rest == '-' || *rest == '\0') &&
                ::kill(static_cast<pid_t>(process), 0) != 0 &&
                errno == ESRCH;
    std::error_code ignored;
    if (gone) fs::remove_all(it->path(), ignored);
  }
}

}  // namespace millrace
