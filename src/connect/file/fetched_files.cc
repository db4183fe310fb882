#include "connect/file/fetched_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/hash.h"
#include "base/parallel.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

Status SetTime(const std::string& path, Time modified) {
  int64_t micros = modified.time_since_epoch().count();
  int64_t seconds = micros / 1'000'000;
  timespec times[2] = {{0, UTIME_OMIT}, {seconds, (micros - seconds * 1'000'000) * 1000}};
  if (::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0) return Status::Ok();
  return FromErrno("cannot set the time of " + path, errno);
}

}  // namespace

FetchedFiles::FetchedFiles(const std::string& state_folder, const std::string& id)
    : folder_(state_folder + "/staging", "fetched-" + Sha256Hex(id).substr(0, 16) + "-") {}

Status FetchedFiles::Get(const std::vector<Wanted>& files, size_t at_once, std::stop_token stop) {
  folder_.Sweep();
  auto fetch = [&](size_t i, std::stop_token stopped) -> Status {
    FoundFile& file = *files[i].file;
    // A folder each: the name of the file tells its format.
    std::string folder = folder_.path() + "/" + std::to_string(count_++);
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return FromErrno("cannot make folder " + folder, error.value());
    file.absolute = folder + "/" + fs::path(file.path).filename().string();
    TRY(files[i].fetch(file.absolute, std::move(stopped)));
    return SetTime(file.absolute, file.modified);
  };
  return ForEachAtOnce(files.size(), at_once, fetch, std::move(stop));
}

Result<LocalFile> FetchedFiles::GetOne(const Wanted& wanted, std::stop_token stop) {
  TRY(Get({wanted}, 1, std::move(stop)));
  return LocalFile(wanted.file->absolute, /*fetched=*/true);
}

}  // namespace millrace::file
