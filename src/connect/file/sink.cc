#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "connect/file/rows_to_files.h"
#include "connect/file/sink_config.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

// `folder` is there, or the first of those above it that is, and one can write into it.
Status ProbeFolder(fs::path folder) {
  std::error_code error;
  while (folder.has_parent_path() && folder != folder.parent_path() && !fs::exists(folder, error)) {
    folder = folder.parent_path();
  }
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return Status::Ok();
  return FromErrno("cannot write into " + folder.string(), errno);
}

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  fs::path path = (fs::path(context.folder) / config.path).lexically_normal();
  FilesPlace place{.connector = "file",
                   .storage = OpenLocalStorage(path.parent_path().string()),
                   .name = path.filename().string()};
  place.probe = [folder = path.parent_path()](std::stop_token) { return ProbeFolder(folder); };
  return WriteFiles(Decided(config), std::move(place), context);
}

}  // namespace millrace::file
