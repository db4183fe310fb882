#include "proof/collect.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/parallel.h"
#include "connect/file/committed_files.h"
#include "connect/landing/landing.h"
#include "pipeline/pipeline.h"
#include "proof/digest.h"

namespace millrace::proof {

namespace {

namespace fs = std::filesystem;

constexpr size_t kAtOnce = 4;     // files that are hashed
constexpr int kMaxVersions = 1 << 20;  // of a table that are looked at

std::string Normal(const std::string& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  return (error ? fs::path(path) : absolute).lexically_normal().string();
}

// What cannot be read has no hashes: the manifest says so.
Status Digest(const std::string& path, FileProof& file, std::stop_token stop) {
  Result<FileProof> found = DigestFile(path, kAnySize, stop);
  if (found.code() == Code::kCanceled) return found.status();
  if (!found.ok()) return Status::Ok();
  found->path = file.path;
  file = *std::move(found);
  return Status::Ok();
}

Result<std::string> EngineVersion(Engine& engine, std::stop_token stop) {
  std::unique_ptr<Session> session = TRY(engine.Open("manifest", SessionUse::kDescribe));
  auto rows = TRY(session->Collect({"SELECT version()"}, stop));
  return std::string(session->EngineName()) + " " + rows.at(0).at(0).value_or("");
}

// millrace.yml, the pipeline's file, and the files of its SQL.
std::vector<std::string> SourcesOf(const Project& project, const Pipeline& pipeline) {
  std::vector<std::string> paths;
  auto add = [&paths](const std::string& path) {
    std::string full = Normal(path);
    if (std::find(paths.begin(), paths.end(), full) == paths.end()) paths.push_back(full);
  };
  if (!project.file.empty()) add(project.folder + "/millrace.yml");
  add(pipeline.file);
  for (const Task& task : pipeline.tasks) {
    if (!task.sql_source.empty()) add(task.sql_source.PlaceOf(0).file);
  }
  return paths;
}

constexpr std::string_view kFile = "file ";

// What it writes to, for people; of a file its path, to find it by.
std::string Describe(const Target& target, const RunRecord& run) {
  const std::string& name = target.connector;
  if (!target.traits.writes.empty()) return name + " " + target.traits.writes;
  if (name != "file") return name;
  RunValues values{run.id, run.logical_date, run.interval_start, run.interval_end};
  return std::string(kFile) + ResolveRun(PathIn(target.config), values);
}

bool IsLanding(const std::string& name) { return name.starts_with("landing/"); }

class Collector {
 public:
  Collector(const Scene& scene, Manifest& manifest, std::stop_token stop)
      : scene_(scene), manifest_(manifest), run_(manifest.run.id), stop_(std::move(stop)) {}

  Status Collect() {
    for (TaskProof& task : manifest_.tasks) task.commits.clear();
    for (TaskProof& task : manifest_.tasks) task.checks.clear();
    for (TaskProof& task : manifest_.tasks) task.files.clear();
    manifest_.tables.clear();
    manifest_.landings.clear();
    manifest_.files.clear();
    manifest_.contents.clear();
    TRY(Records());
    TRY(InputFiles());
    for (const TaskProof& task : manifest_.tasks) TRY(Files(task));
    TRY(Contents());
    for (const std::string& name : Written()) {
      if (IsLanding(name))
        TRY(Landing(name));
      else
        TRY(OneTable(name));
    }
    return Status::Ok();
  }

 private:
  TaskProof* Find(const std::string& key) {
    for (TaskProof& task : manifest_.tasks) {
      if (task.key == key) return &task;
    }
    return nullptr;
  }

  Status Records() {
    for (const TaskRecord& record : TRY(scene_.store.Tasks(run_))) {
      TaskProof* task = Find(record.task);
      if (task == nullptr) continue;
      task->state = Name(record.state);
      task->rows_in = record.rows_in;
      task->rows_out = record.rows_out;
      task->rows_rejected = record.rows_rejected;
    }
    for (const CommitRecord& commit : TRY(scene_.store.Commits(run_))) {
      TaskProof* task = Find(commit.id.task);
      if (!commit.finished)
        return Status(Code::kUnavailable, "a commit of " + commit.id.task + " is not finished");
      if (task == nullptr) continue;
      CommitProof proof{
          .sequence = commit.id.sequence, .now = commit.now, .refresh = commit.refresh};
      for (const auto& [input, position] : commit.begin) proof.begin[input] = position.token;
      for (const auto& [input, position] : commit.end) proof.end[input] = position.token;
      task->commits.push_back(std::move(proof));
    }
    const auto& secrets = scene_.project.values.secrets;
    for (CheckRecord& check : TRY(scene_.store.Checks(run_))) {
      check.detail = Masked(check.detail, secrets);
      if (TaskProof* task = Find(check.task)) task->checks.push_back(std::move(check));
    }
    return Status::Ok();
  }

  // As they were when they were taken; the CID, where the file still is that.
  Status InputFiles() {
    std::vector<FileProof*> all;
    for (TaskProof& task : manifest_.tasks) {
      for (const FileRecord& record : TRY(scene_.store.Files(task.key))) {
        if (record.run != run_) continue;
        FileProof file{.path = ShortPath(scene_.project, record.path),
                       .size = record.size,
                       .sha256 = record.sha256};
        task.files.push_back({record.input, std::move(file)});
      }
      std::sort(task.files.begin(), task.files.end(), [](const auto& a, const auto& b) {
        return std::tie(a.input, a.file.path) < std::tie(b.input, b.file.path);
      });
      for (InputFile& each : task.files) all.push_back(&each.file);
    }
    auto look = [&](size_t i, std::stop_token stop) -> Status {
      std::string path = TRY(FullPath(scene_.project.folder, all[i]->path));
      Result<FileProof> now = DigestFile(path, all[i]->size, stop);
      if (now.code() == Code::kCanceled) return now.status();
      if (!now.ok() || now->size != all[i]->size) return Status::Ok();
      if (all[i]->sha256.empty()) all[i]->sha256 = now->sha256;
      if (now->sha256 == all[i]->sha256) all[i]->cid = now->cid;
      return Status::Ok();
    };
    return ForEachAtOnce(all.size(), kAtOnce, look, stop_);
  }

  Status Files(const TaskProof& task) {
    std::set<int64_t> sequences;
    for (const CommitProof& commit : task.commits) sequences.insert(commit.sequence);
    std::set<std::string> folders, paths;
    const fs::path beside = TRY(FullPath(scene_.project.folder, manifest_.run.pipeline_file));
    for (const std::string& target : task.targets) {
      if (!target.starts_with(kFile) || sequences.empty()) continue;
      fs::path path = beside.parent_path() / target.substr(kFile.size());
      if (target.find("://") == target.npos)
        folders.insert(path.lexically_normal().parent_path().string());
    }
    for (const std::string& folder : folders) {
      for (std::string& path : TRY(file::CommittedFiles(folder, task.key, sequences)))
        paths.insert(std::move(path));
    }
    for (const std::string& path : paths) {
      OutputFile output{task.key, {.path = ShortPath(scene_.project, path)}};
      TRY(Digest(path, output.file, stop_));
      manifest_.files.push_back(std::move(output));
    }
    return Status::Ok();
  }

  // The roots of one task's commits, each with its shards.
  Status Contents() {
    std::map<std::pair<std::string, int64_t>, size_t> places;
    for (const OutputRecord& output : TRY(scene_.store.Outputs(run_))) {
      auto [place, is_new] =
          places.emplace(std::pair(output.task, output.sequence), manifest_.contents.size());
      if (is_new) manifest_.contents.push_back({.task = output.task});
      ContentProof& content = manifest_.contents[place->second];
      if (output.kind != "root") {
        content.shards.push_back({output.kind, output.cid, output.size});
        continue;
      }
      content.root = output.cid;
      content.size = output.size;
      content.files = output.files;
      content.stored.push_back({output.target, output.location});
    }
    return Status::Ok();
  }

  std::set<std::string> Written() const {
    std::set<std::string> names;
    for (const TaskProof& task : manifest_.tasks) {
      if (!task.commits.empty()) names.insert(task.writes.begin(), task.writes.end());
    }
    return names;
  }

  // From the version before the first that this run committed to the last one it did.
  Status OneTable(const std::string& name) {
    Result<TableName> parsed = ParseTableName(name);
    if (!parsed.ok()) return Status::Ok();
    std::unique_ptr<Table> table = scene_.lake.Open(*parsed);
    if (!TRY(table->Exists())) return Status::Ok();
    int64_t first = -1, last = -1;
    for (int limit = 64;; limit *= 4) {
      std::vector<HistoryEntry> history = TRY(table->History(limit));
      first = last = -1;
      for (const HistoryEntry& entry : history) {
        if (entry.run != run_) continue;
        if (last < 0) last = entry.version;
        first = entry.version;
      }
      bool all = static_cast<int>(history.size()) < limit || limit >= kMaxVersions ||
                 history.back().committed < manifest_.run.started;
      if (all) break;
    }
    if (last < 0) return Status::Ok();
    Snapshot now = TRY(table->Load({.version = last}));
    std::set<std::string> earlier;
    if (first > 0) {
      Snapshot before = TRY(table->Load({.version = first - 1}));
      for (const DataFile& file : before.files) earlier.insert(file.path);
    }
    LakeProof proof{.name = name, .id = now.table_id, .before = first - 1, .version = last};
    for (const DataFile& file : now.files) {
      if (!earlier.contains(file.path))
        proof.files.push_back({.path = file.path, .size = file.size});
    }
    TRY(DigestAll(proof.files, name.substr(0, name.find('.')) + "/" +
                                   name.substr(name.find('.') + 1) + "/"));
    manifest_.tables.push_back(std::move(proof));
    return Status::Ok();
  }

  Status Landing(const std::string& name) {
    const std::string landing = name.substr(name.find('/') + 1);
    landing::Contents contents = TRY(landing::Load(scene_.lake.storage(), landing));
    LakeProof proof{.name = name, .id = contents.landing_id};
    int64_t first = INT64_MAX;
    for (const auto& [file, versions] : contents.files) {
      for (const landing::LandedFile& landed : versions) {
        if (landed.run != run_ || landed.removed) continue;
        first = std::min(first, landed.version);
        proof.version = std::max(proof.version, landed.version);
        proof.files.push_back({.path = landed.sha256 + "-" + landed.file,
                               .size = landed.size,
                               .sha256 = landed.sha256});
      }
    }
    if (proof.files.empty()) return Status::Ok();
    proof.before = first - 1;
    TRY(DigestAll(proof.files, name + "/.versions/"));
    manifest_.landings.push_back(std::move(proof));
    return Status::Ok();
  }

  Status DigestAll(std::vector<FileProof>& files, const std::string& folder) {
    Storage& storage = scene_.lake.storage();
    std::sort(files.begin(), files.end(),
              [](const FileProof& a, const FileProof& b) { return a.path < b.path; });
    auto look = [&](size_t i, std::stop_token stop) -> Status {
      FileProof& file = files[i];
      std::string path = folder + file.path;
      if (file.path.starts_with('/')) return Digest(file.path, file, stop);
      if (IsLocal(storage, path)) return Digest(storage.Uri(path), file, stop);
      Result<FileInfo> info = storage.Stat(path);
      if (info.ok() && file.sha256.empty()) file.sha256 = info->sha256;
      return Status::Ok();
    };
    return ForEachAtOnce(files.size(), kAtOnce, look, stop_);
  }

  const Scene& scene_;
  Manifest& manifest_;
  const RunId run_;
  const std::stop_token stop_;
};

}  // namespace

std::string ShortPath(const Project& project, const std::string& path) {
  if (!path.starts_with('/')) return path;
  std::string normal = fs::path(path).lexically_normal().string();
  std::string folder = project.folder + "/";
  return normal.starts_with(folder) ? normal.substr(folder.size()) : normal;
}

std::string PathIn(const YamlNode& config) {
  const YamlNode* path = config.IsMap() ? config.Find("path") : &config;
  return path && path->IsScalar() ? path->scalar : "";
}

Result<std::string> FullPath(const std::string& folder, const std::string& path) {
  if (path.find('\0') != path.npos) return Invalid("a path with a NUL in it");
  if (path.starts_with('/')) return path;
  std::string normal = fs::path(path).lexically_normal().string();
  if (normal.empty() || normal == ".." || normal.starts_with("../"))
    return Invalid("'" + path + "' leads out of its folder");
  return folder + "/" + normal;
}

Result<Manifest> Begin(const Scene& scene, const RunRecord& run, std::stop_token stop) {
  Diagnostics diagnostics;
  auto pipeline = LoadPipeline(scene.project, run.pipeline_file, scene.registry, run.params,
                               std::nullopt, diagnostics);
  TRY(diagnostics.ToStatus());
  if (!pipeline) return Internal("no pipeline and no error in " + run.pipeline_file);
  Manifest manifest{.run = run, .program = scene.program};
  manifest.run.pipeline_file = ShortPath(scene.project, run.pipeline_file);
  manifest.engine = TRY(EngineVersion(scene.engine, stop));
  for (const std::string& path : SourcesOf(scene.project, *pipeline)) {
    FileProof file = TRY(DigestFile(path, kAnySize, stop));
    file.path = ShortPath(scene.project, path);
    manifest.sources.push_back(std::move(file));
  }
  std::set<std::string> wanted;
  for (const TaskRecord& task : TRY(scene.store.Tasks(run.id))) wanted.insert(task.task);
  for (const Task& task : pipeline->tasks) {
    if (!wanted.contains(task.key)) continue;
    manifest.tasks.push_back({.key = task.key,
                              .state = std::string(Name(TaskState::kPending)),
                              .definition = task.definition,
                              .sql_sha256 = task.sql.empty() ? "" : Sha256Hex(task.sql),
                              .reads = task.reads,
                              .writes = task.writes});
    for (const auto* targets : {&task.targets, &task.rejects}) {
      for (const Target& target : *targets)
        manifest.tasks.back().targets.push_back(Describe(target, run));
    }
  }
  return manifest;
}

Status Complete(const Scene& scene, Manifest& manifest, std::stop_token stop) {
  RunRecord run = TRY(scene.store.GetRun(manifest.run.id));
  if (run.state == RunState::kRunning)
    return {Code::kUnavailable, "run " + run.id + " has not ended"};
  run.pipeline_file = manifest.run.pipeline_file;
  run.error = Masked(run.error, scene.project.values.secrets);
  manifest.run = std::move(run);
  return Collector(scene, manifest, std::move(stop)).Collect();
}

}  // namespace millrace::proof
