#include "proof/mirror.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include "base/text.h"
#include "connect/landing/landing.h"
#include "store/sqlite/sqlite_store.h"

namespace millrace::proof {

namespace {

namespace fs = std::filesystem;

// What a run may read and write to be repeated: all of it can be had again as it was, and nothing
// that it writes is seen by others: content goes to an archive in the place apart.
constexpr std::string_view kSources[] = {"file", "table", "landing"};
constexpr std::string_view kSinks[] = {"file", "table",   "landing",
                                       "ipfs", "storacha", "decentralized"};

bool IsOneOf(const auto& words, const std::string& word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

Status Cannot(const std::string& task, const std::string& why) {
  return Invalid("the run cannot be repeated: task " + task + " " + why);
}

bool IsLanding(const std::string& name) { return name.starts_with("landing/"); }

const LakeProof* Find(const std::vector<LakeProof>& all, const std::string& name) {
  for (const LakeProof& each : all) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

// "12 6f1c…" → 12; -1: it is no position in a table.
int64_t VersionIn(const std::string& position) {
  int64_t version = -1;
  auto [end, error] =
      std::from_chars(position.data(), position.data() + position.size(), version);
  return error == std::errc() && version >= 0 ? version : -1;
}

Status FromError(const std::error_code& error, const std::string& what) {
  return error ? FromErrno(what, error.value()) : Status::Ok();
}

}  // namespace

Mirror::Mirror(const Scene& original, const Manifest& manifest, std::string folder)
    : original_(original),
      manifest_(manifest),
      folder_(std::move(folder)),
      project_(original.project) {
  project_.folder = PlaceOf(original.project.folder);
  project_.lake = {.path = folder_ + "/lake"};
  project_.store = {.path = folder_ + "/millrace.db"};
  project_.manifests = {};
  project_.lake_config = {};
}

Result<std::unique_ptr<Mirror>> Mirror::Make(const Scene& original, const Manifest& manifest,
                                             const std::string& folder, std::stop_token stop) {
  std::unique_ptr<Mirror> mirror(new Mirror(original, manifest, folder));
  TRY(mirror->LinkFiles());
  mirror->store_ = TRY(OpenSqliteStore(mirror->project_.store.path));
  mirror->lake_ = OpenLake(mirror->project_.lake.path, original.env, original.engine);
  Diagnostics diagnostics;
  auto pipeline = LoadPipeline(mirror->project_, mirror->pipeline_file_, original.registry,
                               manifest.run.params, std::nullopt, diagnostics);
  TRY(diagnostics.ToStatus());
  if (!pipeline) return Internal("no pipeline and no error in " + mirror->pipeline_file_);
  TRY(mirror->CheckTasks(*pipeline));
  TRY(mirror->PlantTables(*pipeline, std::move(stop)));
  TRY(mirror->PlantCommits(*pipeline));
  TRY(mirror->PlantLists());
  return mirror;
}

Status Mirror::Link(const std::string& path) {
  std::error_code error;
  const fs::path place = PlaceOf(path);
  fs::create_directories(place.parent_path(), error);
  if (!error && !fs::exists(place, error)) fs::create_symlink(path, place, error);
  return FromError(error, "cannot link " + path);
}

Status Mirror::LinkFiles() {
  const std::string& folder = original_.project.folder;
  std::vector<std::string> paths;
  for (const FileProof& file : manifest_.sources) paths.push_back(file.path);
  for (const TaskProof& task : manifest_.tasks) {
    for (const InputFile& each : task.files) paths.push_back(each.file.path);
  }
  for (const std::string& path : paths) TRY(Link(TRY(FullPath(folder, path))));
  const std::string file = TRY(FullPath(folder, manifest_.run.pipeline_file));
  pipeline_file_ = PlaceOf(file);
  for (const std::string& beside : {fs::path(file).parent_path().string(), folder}) {
    std::error_code error;
    if (fs::exists(beside + "/.env", error)) TRY(Link(beside + "/.env"));
  }
  return Status::Ok();
}

Status Mirror::CheckTasks(const Pipeline& pipeline) {
  for (const TaskProof& proof : manifest_.tasks) {
    if (proof.commits.empty()) continue;
    const Task* task = pipeline.Find(proof.key);
    if (task == nullptr) return Cannot(proof.key, "is not in the pipeline");
    if (task->definition != proof.definition)
      return Cannot(task->key, "is another than it was: its definition changed");
    if (task->trigger.continuous || proof.commits.size() > 1)
      return Cannot(task->key, "is continuous: it took what came in batches of its own");
    for (const Input& input : task->inputs) {
      bool remote = PathIn(input.config).find("://") != std::string::npos;
      if (!IsOneOf(kSources, input.connector) || remote)
        return Cannot(task->key, "reads from " + input.connector + (remote ? " on a server" : "") +
                                     ", which cannot be held still");
    }
    for (const auto* targets : {&task->targets, &task->rejects}) {
      for (const Target& target : *targets) {
        const std::string path = PathIn(target.config);
        if (!IsOneOf(kSinks, target.connector))
          return Cannot(task->key, "writes to " + target.connector + ", where others would see it");
        bool outside = path.starts_with('/') || path.find("://") != path.npos;
        if (target.connector == "file" && outside)
          return Cannot(task->key, "writes to " + path + ": only relative paths can be elsewhere");
      }
    }
  }
  for (const Task& task : pipeline.tasks) {
    bool ran = std::any_of(manifest_.tasks.begin(), manifest_.tasks.end(), [&](const auto& each) {
      return each.key == task.key && each.state == Name(TaskState::kSucceeded);
    });
    if (ran && !task.command.empty())
      return Cannot(task.key, "is a command, which may do anything");
  }
  return Status::Ok();
}

// The number of each commit is part of what a task sees: the one before it is on record.
Status Mirror::PlantCommits(const Pipeline& pipeline) {
  for (const TaskProof& proof : manifest_.tasks) {
    if (proof.commits.empty() || proof.commits.front().sequence <= 1) continue;
    const CommitProof& commit = proof.commits.front();
    CommitRecord before{.id = {proof.key, commit.sequence - 1},
                        .run = "before",
                        .now = commit.now,
                        .definition = proof.definition,
                        .finished = true};
    for (const auto& [input, token] : commit.begin) before.end[input] = Position{token};
    if (pipeline.Find(proof.key)) TRY(store_->AdoptCommit(before));
  }
  return Status::Ok();
}

// What positions of files name, see connect/file/file_set.h.
Status Mirror::PlantLists() {
  Storage& from = original_.lake.storage();
  for (const FileInfo& list : TRY(from.List(".positions"))) {
    const std::string name = fs::path(list.path).filename().string();
    bool named = std::ranges::any_of(manifest_.tasks, [&](const TaskProof& task) {
      return std::ranges::any_of(task.commits, [&](const CommitProof& commit) {
        return std::ranges::any_of(commit.begin, [&](const auto& position) {
          return position.second.find(name) != std::string::npos;
        });
      });
    });
    if (named) TRY(lake_->storage().Put(list.path, TRY(from.Read(list.path))));
  }
  return Status::Ok();
}

Status Mirror::PlantTables(const Pipeline& pipeline, std::stop_token stop) {
  std::map<std::string, int64_t> wanted;  // versions
  for (const auto* written : {&manifest_.tables, &manifest_.landings}) {
    for (const LakeProof& each : *written) wanted[each.name] = each.before;
  }
  for (const TaskProof& proof : manifest_.tasks) {
    const Task* task = pipeline.Find(proof.key);
    if (task == nullptr || proof.commits.empty()) continue;
    std::map<std::string, std::string> names;  // of positions
    for (const std::string& table : task->reads) names[table] = table;
    for (const Input& input : task->inputs) {
      if (!input.traits.reads.empty()) names[input.name] = input.traits.reads;
    }
    for (const auto& [position, name] : names) {
      auto end = proof.commits.front().end.find(position);
      bool ours = Find(manifest_.tables, name) || Find(manifest_.landings, name);
      if (end == proof.commits.front().end.end() || ours) continue;
      int64_t version = VersionIn(end->second);
      auto [known, first] = wanted.emplace(name, version);
      if (!first && known->second != version)
        return Cannot(task->key, "read " + name + " while others wrote to it");
    }
  }
  for (const auto& [name, version] : wanted) {
    if (stop.stop_requested()) return Canceled();
    if (version < 0 || (IsLanding(name) && version == 0)) continue;
    TRY(IsLanding(name) ? PlantLanding(name, version) : PlantTable(name, version));
  }
  return Status::Ok();
}

// Its log up to that version, and links to the files that are in it.
Status Mirror::PlantTable(const std::string& name, int64_t version) {
  TableName parsed = TRY(ParseTableName(name));
  const std::string place = parsed.layer + "/" + parsed.table;
  Storage& from = original_.lake.storage();
  if (!IsLocal(from, place)) return Invalid(name + " is on a server: it cannot be repeated here");
  Snapshot then = TRY(original_.lake.Open(parsed)->Load({.version = version}));
  const std::string source = from.Uri(place), target = folder_ + "/lake/" + place;
  std::error_code error;
  fs::create_directories(target + "/_delta_log", error);
  for (fs::directory_iterator it(source + "/_delta_log", error), end; !error && it != end;
       it.increment(error)) {
    const std::string file = it->path().filename().string();
    int64_t of = -1;
    std::from_chars(file.data(), file.data() + std::min<size_t>(file.size(), 20), of);
    if (file.size() < 21 || of < 0 || of > version) continue;
    fs::copy_file(it->path(), target + "/_delta_log/" + file, error);
    if (error) break;
  }
  for (const DataFile& file : then.files) {
    if (error || file.path.starts_with('/')) continue;
    fs::create_directories(fs::path(target + "/" + file.path).parent_path(), error);
    if (!error) fs::create_symlink(source + "/" + file.path, target + "/" + file.path, error);
  }
  return FromError(error, "cannot set up " + name);
}

Status Mirror::PlantLanding(const std::string& name, int64_t version) {
  Storage& from = original_.lake.storage();
  if (!IsLocal(from, name)) return Invalid(name + " is on a server: it cannot be repeated here");
  const std::string source = from.Uri(name), target = folder_ + "/lake/" + name;
  std::error_code error;
  for (const char* folder : {"/.manifest", "/.versions"}) {
    fs::create_directories(target + folder, error);
    for (fs::directory_iterator it(source + folder, error), end; !error && it != end;
         it.increment(error)) {
      const std::string file = it->path().filename().string();
      int64_t of = 0;
      if (folder[1] == '.' && folder[2] == 'm')
        std::from_chars(file.data(), file.data() + file.size(), of);
      if (of <= version) fs::create_symlink(it->path(), target + folder + "/" + file, error);
      if (error) break;
    }
  }
  return FromError(error, "cannot set up " + name);
}

}  // namespace millrace::proof
