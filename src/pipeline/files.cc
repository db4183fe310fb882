#include "pipeline/files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/text.h"
#include "config/values.h"
#include "config/yaml.h"
#include "pipeline/project.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

constexpr uintmax_t kLongestFile = 16 << 20;  // bytes

// The `name:` of a pipeline file, or "".
std::string NameIn(const std::string& path) {
  Result<std::string> text = ReadTextFile(path);
  if (!text.ok()) return "";
  Diagnostics ignored;
  YamlNode root = ParseYaml(*text, path, ignored);
  const YamlNode* name = root.Find("name");
  return name && name->IsScalar() ? name->scalar : "";
}

}  // namespace

Result<std::string> ReadTextFile(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return Invalid("'" + path + "' is a folder");
  uintmax_t size = fs::file_size(path, error);
  if (error) return FromErrno("cannot read '" + path + "'", error.value());
  if (size > kLongestFile) return Invalid("'" + path + "' is longer than 16 MB");
  std::ifstream in(path, std::ios::binary);
  if (!in) return FromErrno("cannot read '" + path + "'", errno);
  std::stringstream text;
  text << in.rdbuf();
  if (in.bad()) return Invalid("cannot read '" + path + "'");
  return text.str();
}

std::string ShownPath(const std::string& path) {
  std::error_code error;
  fs::path here = fs::current_path(error);
  fs::path relative = fs::path(path).lexically_normal().lexically_relative(here);
  if (error || relative.empty() || *relative.begin() == "..") return path;
  return relative.string();
}

std::map<std::string, std::string> ReadDotEnv(const std::string& folder, Diagnostics& diagnostics) {
  std::string path = folder + "/.env";
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  Result<std::string> text = ReadTextFile(path);
  if (!text.ok()) {
    diagnostics.Error({ShownPath(path)}, text.status().message(), text.status().hint());
    return {};
  }
  return ParseDotEnv(*text, ShownPath(path), diagnostics);
}

std::vector<std::string> FindPipelines(const Project& project) {
  std::vector<std::string> found;
  std::error_code error;
  fs::path root = project.folder;
  if (fs::is_regular_file(root / "pipeline.yml", error))
    found.push_back(ShownPath(root / "pipeline.yml"));
  for (const auto& entry : fs::directory_iterator(root / "pipelines", error)) {
    fs::path file = entry.path() / "pipeline.yml";
    if (fs::is_regular_file(file, error)) found.push_back(ShownPath(file));
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::string> ResolvePipeline(const Project& project, std::string_view name_or_path) {
  std::error_code error;
  fs::path path = name_or_path;
  if (fs::is_regular_file(path, error)) return path.string();
  if (fs::is_regular_file(path / "pipeline.yml", error)) return (path / "pipeline.yml").string();
  std::vector<std::string> names;
  for (const std::string& file : FindPipelines(project)) {
    fs::path parent = fs::path(file).parent_path();
    std::string name = NameIn(file), folder = parent.filename().string();
    if (name == name_or_path || folder == name_or_path) return file;
    names.push_back(name.empty() ? file : name);
  }
  std::string what = "there is no pipeline '" + std::string(name_or_path) + "'";
  std::string closest = Closest(name_or_path, names);
  if (!closest.empty()) return NotFound(what, "did you mean '" + closest + "'?");
  if (names.empty())
    return NotFound(what, "name a pipeline file, or make a project with `millrace init`");
  return NotFound(what, "there are: " + Join(names, ", "));
}

}  // namespace millrace
