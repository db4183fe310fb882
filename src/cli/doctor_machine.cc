// The machine under a project: memory, clock, disks.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/hash.h"
#include "cli/doctor.h"
#include "cli/words.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

constexpr int64_t kLittleMemory = int64_t{512} << 20;
constexpr int64_t kLittleSpace = int64_t{1} << 30;

// /proc/meminfo's MemAvailable; 0 when it cannot be read.
int64_t AvailableMemory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  int64_t kilobytes = 0;
  while (file >> key >> kilobytes >> unit) {
    if (key == "MemAvailable:") return kilobytes * 1024;
  }
  return 0;
}

std::string FileSystemName(long magic) {
  switch (magic) {
    case 0xEF53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683E: return "btrfs";
    case 0x01021994: return "tmpfs";
    case 0x794C7630: return "overlayfs";
    case 0x6969: return "nfs";
    case 0x2FC12FC1: return "zfs";
    case 0xFF534D42:
    case 0xFE534D42: return "cifs";
    case 0x65735546: return "fuse";
    case 0x01021997: return "9p";
    case 0xF2F52010: return "f2fs";
    default: return "another file system";
  }
}

bool IsRemote(const std::string& name) {
  return name == "nfs" || name == "cifs" || name == "fuse" || name == "9p";
}

// The folder itself, or what exists above it: where it would be made.
fs::path Existing(fs::path folder) {
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

// Writes, syncs and stats a file of no use to anybody, and removes it.
std::vector<Finding> TryFile(const std::string& what, const fs::path& folder, Env& env) {
  std::string path = (folder / (".millrace-doctor-" + NewUuid())).string();
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    return {{Level::kFail, what, FromErrno("cannot write to " + folder.string(), errno).message(),
             "give this user the right to write there, or choose another folder in millrace.yml"}};
  }
  std::vector<Finding> findings;
  Time before = env.clock.Now();
  bool written = write(fd, "millrace", 8) == 8;
  bool synced = written && fsync(fd) == 0;
  int error = errno;
  Micros took = env.clock.Now() - before;
  struct stat info = {};
  fstat(fd, &info);
  close(fd);
  unlink(path.c_str());
  if (!synced) {
    findings.push_back({Level::kFail, what,
                        FromErrno("fsync in " + folder.string(), error).message(),
                        "commits would not survive a loss of power: choose another disk"});
  } else if (took > std::chrono::seconds(1)) {
    findings.push_back({Level::kWarn, what, "fsync takes " + FormatDuration(took),
                        "each commit waits for several"});
  }
  auto skew =
      std::chrono::abs(std::chrono::seconds(info.st_mtim.tv_sec) -
                       std::chrono::duration_cast<std::chrono::seconds>(before.time_since_epoch()));
  if (skew > std::chrono::seconds(5)) {
    findings.push_back({Level::kWarn, what,
                        "its clock differs from this machine's by " + FormatDuration(skew),
                        "synchronise the clocks: vacuum and changed files are judged by time"});
  }
  return findings;
}

}  // namespace

std::vector<Finding> ExamineMachine(Env& env) {
  std::vector<Finding> findings;
  int64_t total = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE),
          available = AvailableMemory();
  bool little = available > 0 && available < kLittleMemory;
  findings.push_back({little ? Level::kWarn : Level::kOk, "memory",
                      FormatBytes(available) + " free of " + FormatBytes(total) + ", " +
                          std::to_string(std::thread::hardware_concurrency()) + " processors",
                      little ? "close something, or set engine.memory_limit lower" : ""});
  Time now = env.clock.Now();
  bool sane = now > *ParseTime("2025-01-01") && now < *ParseTime("2100-01-01");
  findings.push_back({sane ? Level::kOk : Level::kFail, "clock", ShortTime(now) + " UTC",
                      sane ? "" : "set the clock: commits are dated by it"});
  return findings;
}

std::vector<Finding> ExamineFolder(const std::string& what, const std::string& folder, Env& env) {
  fs::path existing = Existing(folder);
  std::string made = existing == fs::path(folder) ? "" : " (made at the first run)";
  struct statvfs space = {};
  struct statfs kind = {};
  if (statvfs(existing.c_str(), &space) != 0 || statfs(existing.c_str(), &kind) != 0) {
    return {{Level::kFail, what, FromErrno(existing.string(), errno).message(),
             "see whether its disk is mounted"}};
  }
  int64_t free = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
  std::string name = FileSystemName(static_cast<long>(kind.f_type));
  Finding disk{Level::kOk, what, folder + made + ": " + name + ", " + FormatBytes(free) + " free",
               ""};
  if (free < kLittleSpace) {
    disk.level = Level::kWarn;
    disk.next = "make room: millrace tables vacuum --all";
  } else if (IsRemote(name)) {
    disk.level = Level::kWarn;
    disk.next = "a network file system may not keep locks and syncs: a local disk is safer";
  }
  std::vector<Finding> findings{disk};
  for (Finding& finding : TryFile(what, existing, env)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace millrace
