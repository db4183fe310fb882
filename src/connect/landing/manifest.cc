#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/parallel.h"
#include "config/json.h"
#include "connect/landing/landing.h"

namespace millrace::landing {

namespace {

constexpr std::string_view kRoot = "landing";

std::string ManifestFolder(std::string_view name) { return FolderOf(name) + "/.manifest"; }

// Twelve digits: names sort as numbers do.
std::string ManifestPath(std::string_view name, int64_t version) {
  char file[32];
  std::snprintf(file, sizeof file, "%012lld.json", static_cast<long long>(version));
  return ManifestFolder(name) + "/" + file;
}

// The version in "…/000000000012.json", or 0: another file.
int64_t VersionOf(std::string_view path) {
  std::string_view file = path.substr(path.rfind('/') + 1);
  if (file.size() != 17 || !file.ends_with(".json")) return 0;
  int64_t version = 0;
  for (char c : file.substr(0, 12)) {
    if (c < '0' || c > '9') return 0;
    version = version * 10 + (c - '0');
  }
  return version;
}

std::string ToText(const Manifest& manifest) {
  Json files = Json::array();
  for (const LandedFile& file : manifest.files) {
    files.push_back({{"file", file.file},
                     {"sha256", file.sha256},
                     {"size", file.size},
                     {"modified", FormatTime(file.modified)},
                     {"from", file.from}});
  }
  Json removed = Json::array();
  for (const LandedFile& file : manifest.removed) {
    removed.push_back({{"file", file.file}, {"sha256", file.sha256}, {"version", file.version}});
  }
  Json json = {{"landing", manifest.landing_id},
               {"task", manifest.commit.task},
               {"sequence", manifest.commit.sequence},
               {"run", manifest.run},
               {"landed", FormatTime(manifest.landed)},
               {"position", manifest.position},
               {"files", std::move(files)}};
  if (!removed.empty()) json["removed"] = std::move(removed);
  // A name need not be UTF-8: what is not is kept readable rather than refused.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> Parse(const std::string& text, int64_t version) {
  try {
    Json json = Json::parse(text);
    Manifest manifest;
    manifest.version = version;
    manifest.landing_id = json.at("landing");
    manifest.commit = {json.at("task"), json.at("sequence")};
    manifest.run = json.at("run");
    manifest.landed = TRY(ParseTime(json.at("landed").get<std::string>()));
    manifest.position = json.at("position");
    for (const Json& each : json.at("files")) {
      LandedFile file;
      file.file = each.at("file");
      file.sha256 = each.at("sha256");
      file.size = each.at("size");
      file.modified = TRY(ParseTime(each.at("modified").get<std::string>()));
      file.from = each.at("from");
      file.landed = manifest.landed;
      file.run = manifest.run;
      file.task = manifest.commit.task;
      file.sequence = manifest.commit.sequence;
      file.version = version;
      manifest.files.push_back(std::move(file));
    }
    for (const Json& each : json.value("removed", Json::array())) {
      LandedFile& file = manifest.removed.emplace_back();
      file.file = each.at("file");
      file.sha256 = each.at("sha256");
      file.version = each.at("version");
    }
    return manifest;
  } catch (const std::exception& error) {
    return Invalid(std::string("not a landing's manifest: ") + error.what());
  }
}

}  // namespace

const LandedFile* Contents::Newest(const std::string& file) const {
  auto found = files.find(file);
  return found == files.end() ? nullptr : &found->second.back();
}

Status CheckName(std::string_view name) {
  bool plain = !name.empty() && name.front() != '.' && name.size() <= 200;
  for (char c : name) {
    plain =
        plain && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.');
  }
  if (plain) return Status::Ok();
  return Invalid("'" + std::string(name) + "' is not a name for a landing",
                 "use letters, digits, '_', '-' and '.'");
}

std::string FolderOf(std::string_view name) { return std::string(kRoot) + "/" + std::string(name); }

std::string VersionPath(std::string_view name, const LandedFile& file) {
  return FolderOf(name) + "/.versions/" + file.sha256 + "-" + file.file;
}

Result<std::vector<std::string>> Landings(Storage& lake) { return lake.Folders(kRoot); }

Result<Contents> Load(Storage& lake, std::string_view name, std::optional<int64_t> upto) {
  std::vector<FileInfo> files = TRY(lake.List(ManifestFolder(name)));
  std::erase_if(files, [&](const FileInfo& file) {
    int64_t version = VersionOf(file.path);
    return version == 0 || (upto && version > *upto);
  });
  std::vector<Manifest> manifests(files.size());
  auto read = [&](size_t i, std::stop_token) -> Status {
    const std::string& path = files[i].path;
    Result<Manifest> manifest = Parse(TRY(lake.Read(path)), VersionOf(path));
    if (!manifest.ok()) return manifest.status().In(lake.Uri(path));
    manifests[i] = *std::move(manifest);
    return Status::Ok();
  };
  // On a disk a thread costs more than it gains.
  size_t at_once = IsLocal(lake, ManifestFolder(name)) ? 1 : lake.AtOnce();
  TRY(ForEachAtOnce(files.size(), at_once, read, {}));
  Contents contents;
  for (Manifest& manifest : manifests) {
    contents.version = manifest.version;
    contents.landing_id = manifest.landing_id;
    contents.commits[manifest.commit.task] = {manifest.commit.sequence, manifest.position};
    for (LandedFile& file : manifest.files) {
      contents.files[file.file].push_back(std::move(file));
    }
    for (const LandedFile& gone : manifest.removed) {
      for (LandedFile& file : contents.files[gone.file]) {
        if (file.version == gone.version && file.sha256 == gone.sha256) file.removed = true;
      }
    }
  }
  return contents;
}

Result<int64_t> NewestVersion(Storage& lake, std::string_view name) {
  int64_t newest = 0;
  for (const FileInfo& file : TRY(lake.List(ManifestFolder(name)))) {
    newest = std::max(newest, VersionOf(file.path));
  }
  return newest;
}

Status PutManifest(Storage& lake, std::string_view name, const Manifest& manifest) {
  return lake.PutIfAbsent(ManifestPath(name, manifest.version), ToText(manifest));
}

Result<Places> FindPlaces(Storage& lake, std::string_view name) {
  Places places;
  for (FileInfo& file : TRY(lake.List(FolderOf(name)))) {
    std::string path = file.path;
    places.emplace(std::move(path), std::move(file));
  }
  return places;
}

Result<std::string> Locate(Storage& lake, std::string_view name, const Contents& contents,
                           const Places& places, const LandedFile& file) {
  std::string kept = VersionPath(name, file), place = FolderOf(name) + "/" + file.file;
  const std::vector<LandedFile>& versions = contents.files.at(file.file);
  bool is_newest = versions.back().sha256 == file.sha256;
  bool there = false;
  for (const std::string& path : {place, kept}) {
    auto found = places.find(path);
    if (found == places.end() || (path == place && !is_newest)) continue;
    there = true;
    const FileInfo& info = found->second;
    // A server tells no times: what a reader fetches is held against its SHA-256.
    if (!info.etag.empty() && path == kept && info.size == file.size) return path;
    // A disk keeps them, and a content that came several times has one of those times.
    for (const LandedFile& each : versions) {
      bool same = info.etag.empty() && each.sha256 == file.sha256 && info.size == each.size &&
                  info.modified == each.modified;
      if (same) return path;
    }
  }
  if (file.removed) {
    return Invalid(lake.Uri(place) + " with SHA-256 " + file.sha256.substr(0, 12) +
                       "… was removed: it is older than lake.retention.landing",
                   "let the file land once more under another name");
  }
  std::string what = there ? " was changed by somebody else" : " is gone";
  return Invalid(lake.Uri(place) + what + ": its content with SHA-256 " +
                     file.sha256.substr(0, 12) + "… is needed",
                 "landed files must stay as they are; put the file back, or land it again");
}

}  // namespace millrace::landing
