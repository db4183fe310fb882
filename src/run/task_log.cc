#include "run/task_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/hash.h"
#include "run/run.h"

namespace millrace {

std::string RunFolder(const Project& project, const RunId& run) {
  return project.Absolute(".millrace") + "/runs/" + run;
}

std::string TaskLogPath(const Project& project, const RunId& run, std::string_view task) {
  std::string file;
  for (char c : task.substr(task.find('/') + 1)) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) ||
                 std::string_view("-_.=,[]").find(c) != std::string_view::npos;
    file += plain ? c : '_';
  }
  // Different keys stay different, whatever was replaced in them.
  if (file != task.substr(task.find('/') + 1) || file.size() > 200) {
    file = file.substr(0, 180) + "-" + Sha256Hex(task).substr(0, 8);
  }
  return RunFolder(project, run) + "/" + file + ".log";
}

TaskLog::TaskLog(Clock& clock, const std::string& path, int64_t max_bytes,
                 const std::map<std::string, Secret>* secrets)
    : clock_(clock), secrets_(secrets) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat info;
  if (file_ >= 0 && ::fstat(file_, &info) == 0) room_ = max_bytes - info.st_size;
}

TaskLog::~TaskLog() {
  if (file_ >= 0) ::close(file_);
}

void TaskLog::Line(std::string_view text) {
  Append(FormatTime(clock_.Now()) + " " + std::string(text) + "\n");
}

void TaskLog::Raw(std::string_view bytes) { Append(bytes); }

void TaskLog::Append(std::string_view bytes) {
  std::lock_guard lock(mutex_);
  if (file_ < 0 || room_ <= 0) return;
  std::string masked;
  if (secrets_ && !secrets_->empty()) bytes = masked = Masked(bytes, *secrets_);
  room_ -= static_cast<int64_t>(bytes.size());
  std::string last;
  if (room_ <= 0) bytes = last = "… the log is full: what follows is left out\n";
  [[maybe_unused]] ssize_t written = ::write(file_, bytes.data(), bytes.size());
}

}  // namespace millrace
