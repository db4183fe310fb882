#include "connect/file/committed_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/storage.h"
#include "config/json.h"

namespace millrace::file {

Result<std::vector<std::string>> CommittedFiles(const std::string& folder, const std::string& task,
                                                const std::set<int64_t>& sequences) {
  std::unique_ptr<Storage> storage = OpenLocalStorage(folder);
  std::vector<std::string> files;
  for (const FileInfo& each : TRY(storage->List(".millrace-commits"))) {
    Json json = Json::parse(TRY(storage->Read(each.path)), nullptr, /*allow_exceptions=*/false);
    bool whole = json.is_object() && json.contains("task") && json.contains("sequence") &&
                 json.contains("file") && json["file"].is_string() && json["task"] == task &&
                 json["sequence"].is_number_integer();
    if (!whole || !sequences.contains(json["sequence"].get<int64_t>())) continue;
    std::string file = json["file"];
    // A commit without rows has none.
    if (storage->Stat(file).ok()) files.push_back(storage->Uri(file));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace millrace::file
