#include "connect/file/fingerprints.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "base/text.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = size_t{1} << 20;  // bytes a read
constexpr unsigned kMaxThreads = 8;
// A file written again within a tick of the file system's clock keeps its time: younger ones are
// not remembered.
constexpr Micros kSettled = std::chrono::milliseconds(50);
// The whole memory is written: while files come one by one, only when so large a part of it is new.
constexpr size_t kUnsaved = 8;

Status Changed(const std::string& path) {
  return {Code::kUnavailable, path + " changed while it was read",
          "it is taken again with the next attempt"};
}

Status ReadPrefix(int fd, const std::string& path, int64_t length, Sha256& hash,
                  const std::stop_token& stop) {
  std::vector<char> piece(static_cast<size_t>(std::clamp<int64_t>(length, 1, kPiece)));
  while (length > 0) {
    if (stop.stop_requested()) return Canceled();
    size_t wanted =
        static_cast<size_t>(std::min<int64_t>(length, static_cast<int64_t>(piece.size())));
    ssize_t got = ::read(fd, piece.data(), wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("cannot read " + path, errno);
    if (got == 0) return Changed(path);
    hash.Update({piece.data(), static_cast<size_t>(got)});
    length -= got;
  }
  return Status::Ok();
}

}  // namespace

Result<std::string> HashPrefix(const std::string& path, int64_t length, std::stop_token stop) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FromErrno("cannot read " + path, errno);
  Sha256 hash;
  Status status = ReadPrefix(fd, path, length, hash, stop);
  ::close(fd);
  if (!status.ok()) return status;
  return hash.Hex();
}

Fingerprints::Fingerprints(std::string memory, Env& env) : memory_(std::move(memory)), env_(env) {}

Fingerprints::~Fingerprints() {
  if (unsaved_ > 0) Save();
}

Result<Fingerprints::Known> Fingerprints::Hash(const FoundFile& file, std::stop_token stop) {
  Known known{file.size, file.modified.time_since_epoch().count(), ""};
  known.sha256 = TRY(HashPrefix(file.absolute, file.size, stop));
  struct stat info;
  if (::stat(file.absolute.c_str(), &info) != 0)
    return FromErrno("cannot read " + file.absolute, errno);
  int64_t modified = int64_t{info.st_mtim.tv_sec} * 1'000'000 + info.st_mtim.tv_nsec / 1000;
  if (info.st_size != known.size || modified != known.modified) return Changed(file.absolute);
  return known;
}

Result<FileSet> Fingerprints::Of(const std::vector<FoundFile>& files, std::stop_token stop) {
  Load();
  std::vector<const FoundFile*> unknown;
  for (const FoundFile& file : files) {
    auto known = known_.find(file.absolute);
    bool same = known != known_.end() && known->second.size == file.size &&
                known->second.modified == file.modified.time_since_epoch().count();
    if (!same) unknown.push_back(&file);
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status failure;
  std::map<std::string, Known> fresh;
  auto work = [&] {
    for (size_t i; (i = next++) < unknown.size();) {
      Result<Known> known = Hash(*unknown[i], stop);
      std::lock_guard lock(mutex);
      if (!failure.ok()) return;
      if (known.ok()) fresh[unknown[i]->absolute] = *std::move(known);
      if (!known.ok()) failure = known.status();
    }
  };
  {
    std::vector<std::jthread> threads;
    size_t count =
        std::min<size_t>({unknown.size(), std::thread::hardware_concurrency(), kMaxThreads});
    for (size_t i = 1; i < count; ++i) threads.emplace_back(work);
    work();
  }
  TRY(Status(failure));
  std::map<std::string, Known> now;
  FileSet set;
  for (const FoundFile& file : files) {
    auto found = fresh.find(file.absolute);
    const Known& known = found != fresh.end() ? found->second : known_.at(file.absolute);
    set[file.path] = {known.size, known.sha256};
    now[file.absolute] = known;
  }
  unsaved_ += fresh.size();
  if (fresh.empty() && now.size() != known_.size()) ++unsaved_;
  known_ = std::move(now);
  if (unsaved_ > known_.size() / kUnsaved) Save();
  return set;
}

// Lines of "sha256 size modified path". What cannot be read is hashed again: nothing else hangs on
// it.
void Fingerprints::Load() {
  if (std::exchange(loaded_, true) || memory_.empty()) return;
  std::ifstream in(memory_);
  Known known;
  std::string path;
  while (in >> known.sha256 >> known.size >> known.modified && in.get() == ' ' &&
         std::getline(in, path)) {
    if (known.sha256.size() == 64) known_[path] = known;
  }
}

void Fingerprints::Save() {
  unsaved_ = 0;
  if (memory_.empty()) return;
  std::error_code ignored;
  fs::create_directories(fs::path(memory_).parent_path(), ignored);
  std::string aside = memory_ + "." + std::to_string(::getpid()) + ".tmp";
  std::ofstream out(aside, std::ios::trunc);
  int64_t settled = (env_.clock.Now() - kSettled).time_since_epoch().count();
  for (const auto& [path, each] : known_) {
    if (each.modified > settled || path.find('\n') != path.npos) continue;
    out << each.sha256 << ' ' << each.size << ' ' << each.modified << ' ' << path << '\n';
  }
  out.close();
  if (out) fs::rename(aside, memory_, ignored);
  if (!out) fs::remove(aside, ignored);
}

}  // namespace millrace::file
