#include "connect/content/upload.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/descriptor.h"
#include "base/failpoint.h"
#include "base/storage.h"
#include "base/text.h"
#include "config/json.h"
#include "net/ipld/part_file.h"

namespace millrace::content {

namespace {

namespace fs = std::filesystem;

constexpr const char* kInfoFile = "upload.json";
constexpr std::uintmax_t kMostBytes = 256 << 20;  // of JSON: a position can be long

Status PutJson(const std::string& path, const Json& json) {
  auto file = TRY(ipld::PartFile::Create(path));
  TRY(file->Append(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
  return file->Commit(path, /*sync=*/true);
}

Result<Json> ReadJson(const std::string& path) {
  std::error_code error;
  std::uintmax_t size = fs::file_size(path, error);
  if (error) return FromErrno("cannot read " + path, error.value());
  std::ifstream file(path);
  Json json = size > kMostBytes ? Json() : Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Invalid(path + " cannot be read");
  return json;
}

Json ToJson(const ipld::ShardFile& shard) {
  return {{"file", fs::path(shard.path).filename().string()},
          {"cid", shard.cid.Text()},
          {"size", shard.size}};
}

Result<ipld::ShardFile> ToShard(const Json& json, const std::string& folder) {
  ipld::ShardFile shard;
  shard.path = folder + "/" + fs::path(json.at("file").get<std::string>()).filename().string();
  shard.cid = TRY(ipld::Cid::Parse(json.at("cid").get<std::string>()));
  shard.size = json.at("size");
  return shard;
}

Json ToJson(const UploadInfo& info) {
  Json shards = Json::array();
  for (const ipld::ShardFile& shard : info.content.shards) shards.push_back(ToJson(shard));
  return {{"root", info.content.root.Text()},
          {"sink", info.sink},
          {"connector", info.connector},
          {"targets", info.targets},
          {"require", info.require},
          {"task", info.commit.task},
          {"sequence", info.commit.sequence},
          {"now", FormatTime(info.now)},
          {"run", info.run},
          {"packed", FormatTime(info.packed)},
          {"files", info.files},
          {"bytes", info.bytes},
          {"rows", info.rows},
          {"shards", shards},
          {"index", ToJson(info.content.index)},
          {"position", info.position}};
}

Result<UploadInfo> ToInfo(const Json& json, const std::string& folder) {
  UploadInfo info;
  info.content.root = TRY(ipld::Cid::Parse(json.at("root").get<std::string>()));
  info.sink = json.at("sink");
  info.connector = json.at("connector");
  info.targets = json.at("targets").get<std::vector<std::string>>();
  info.require = json.at("require");
  info.commit = {json.at("task"), json.at("sequence")};
  info.now = TRY(ParseTime(json.at("now").get<std::string>()));
  info.run = json.at("run");
  info.packed = TRY(ParseTime(json.at("packed").get<std::string>()));
  info.files = json.at("files");
  info.bytes = json.at("bytes");
  info.rows = json.at("rows");
  info.position = json.at("position");
  for (const Json& shard : json.at("shards"))
    info.content.shards.push_back(TRY(ToShard(shard, folder)));
  info.content.index = TRY(ToShard(json.at("index"), folder));
  return info;
}

// Whether all shards are there, as long as they were. False: none is, they went as they should.
Result<bool> HasShards(const UploadInfo& info, bool done) {
  std::vector<ipld::ShardFile> files = info.content.shards;
  files.push_back(info.content.index);
  bool all = true;
  for (const ipld::ShardFile& file : files) {
    std::error_code error;
    bool whole = fs::file_size(file.path, error) == static_cast<uintmax_t>(file.size) && !error;
    if (!whole && !done)
      return Invalid(file.path + " is missing or damaged",
                     "remove its folder: the next run packs anew");
    all = all && whole;
  }
  return all;
}

void ForgetPaths(ipld::Shards& content) {
  for (ipld::ShardFile& shard : content.shards) shard.path.clear();
  content.index.path.clear();
}

}  // namespace

UploadLock::~UploadLock() { ::close(file_); }

namespace {

// Of the folders that are uploads by their names, those whose name is wanted.
Result<std::vector<std::string>> FoldersOf(const std::string& state_folder,
                                           const std::function<bool(const std::string&)>& wanted) {
  std::vector<std::string> folders;
  std::string all = Upload::FolderOfAll(state_folder);
  std::error_code error;
  fs::directory_iterator it(all, error), end;
  if (error == std::errc::no_such_file_or_directory) return folders;
  for (; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.starts_with("b") && wanted(name) && it->is_directory())
      folders.push_back(it->path().string());
  }
  if (error) return FromErrno("cannot read " + all, error.value());
  return folders;
}

std::string NameOf(const UploadInfo& info) {
  return info.content.root.Text() + "-" + info.sink + "-" + std::to_string(info.commit.sequence);
}

bool IsOfSink(const std::string& name, const std::string& sink) {
  size_t dash = name.find('-');
  return dash != name.npos && name.substr(dash + 1).starts_with(sink + "-");
}

// The oldest first.
Result<std::vector<Upload>> OpenAll(const std::vector<std::string>& folders,
                                    std::vector<Status>* damaged) {
  std::vector<Upload> uploads;
  for (const std::string& folder : folders) {
    Result<Upload> upload = Upload::Open(folder);
    // One whose removal was killed has no upload.json any more.
    if (upload.code() == Code::kNotFound) continue;
    if (!upload.ok() && damaged) damaged->push_back(upload.status());
    if (upload.ok()) uploads.push_back(*std::move(upload));
  }
  std::ranges::sort(uploads, {}, [](const Upload& each) {
    return std::pair(each.info().packed, each.folder());
  });
  return uploads;
}

}  // namespace

Result<std::vector<Upload>> Upload::All(const std::string& state_folder,
                                        std::vector<Status>* damaged) {
  auto any = [](const std::string&) { return true; };
  return OpenAll(TRY(FoldersOf(state_folder, any)), damaged);
}

Result<std::vector<Upload>> Upload::OfCommit(const std::string& state_folder,
                                             const std::string& sink, int64_t sequence) {
  std::string end = "-" + sink + "-" + std::to_string(sequence);
  auto ours = [&](const std::string& name) { return name.ends_with(end); };
  return OpenAll(TRY(FoldersOf(state_folder, ours)), nullptr);
}

Result<std::vector<Upload>> Upload::OfSink(const std::string& state_folder,
                                           const std::string& sink) {
  auto ours = [&](const std::string& name) { return IsOfSink(name, sink); };
  return OpenAll(TRY(FoldersOf(state_folder, ours)), nullptr);
}

Result<size_t> Upload::CountOfSink(const std::string& state_folder, const std::string& sink) {
  auto ours = [&](const std::string& name) { return IsOfSink(name, sink); };
  return TRY(FoldersOf(state_folder, ours)).size();
}

Result<Upload> Upload::Open(const std::string& folder) {
  Json json = TRY(ReadJson(folder + "/" + kInfoFile));
  UploadInfo info;
  try {
    info = TRY(ToInfo(json, folder));
  } catch (const std::exception& error) {
    return Invalid(folder + "/" + kInfoFile + " cannot be read: " + error.what());
  }
  Upload upload(folder, std::move(info), TRY(Journal::Open(folder + "/journal.json")));
  Result<bool> has = HasShards(upload.info_, upload.done());
  if (!has.ok()) {  // another process may have finished it between the two looks
    upload.journal_ = std::make_unique<Journal>(TRY(Journal::Open(folder + "/journal.json")));
    has = HasShards(upload.info_, upload.done());
  }
  if (!TRY(std::move(has))) ForgetPaths(upload.info_.content);
  return upload;
}

Result<Upload> Upload::Add(const std::string& state_folder, const std::string& packing,
                           const UploadInfo& info) {
  std::string name = NameOf(info);
  std::string folder = FolderOfAll(state_folder) + "/" + name;
  if (fs::exists(folder + "/" + kInfoFile)) {
    Result<Upload> there = Open(folder);
    if (there.ok() && there->has_shards() && !there->done()) {
      TRY(there->Rewrite(info));
      return there;
    }
  }
  std::error_code error;
  fs::remove_all(folder, error);  // damaged, half removed, or of another life
  TRY(PutJson(packing + "/" + kInfoFile, ToJson(info)));
  TRY(Failpoint("content.spool.before"));
  TRY(OpenLocalStorage(FolderOfAll(state_folder))
          ->Rename(fs::path(packing).filename().string(), name));
  TRY(Failpoint("content.spool.after"));
  return Open(folder);
}

Result<Journal> Upload::JournalOf(const std::string& target) const {
  return Journal::Open(folder_ + "/" + target + ".journal.json");
}

std::optional<Stored> Upload::StoredAt(const std::string& target) const {
  std::optional<std::string> text = journal_->Find("stored." + target);
  if (!text) return std::nullopt;
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  Stored stored;
  if (!json.is_object()) return stored;
  stored.where = json.value("where", "");
  stored.links = json.value("links", std::vector<std::string>());
  return stored;
}

Status Upload::RecordStored(const std::string& target, const Stored& stored) {
  Json json = {{"where", stored.where}, {"links", stored.links}};
  return journal_->Record("stored." + target,
                          json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::vector<std::pair<std::string, Stored>> Upload::AllStored() const {
  std::vector<std::pair<std::string, Stored>> all;
  for (const auto& [step, value] : journal_->All()) {
    if (!step.starts_with("stored.")) continue;
    std::string target = step.substr(std::string_view("stored.").size());
    all.emplace_back(target, *StoredAt(target));
  }
  return all;
}

Status Upload::Rewrite(UploadInfo info) {
  bool had_shards = has_shards();
  std::string folder = folder_;
  info.content = info_.content;
  for (size_t i = 0; i < info.content.shards.size(); ++i) {
    info.content.shards[i].path = folder + "/data." + std::to_string(i + 1) + ".car";
  }
  info.content.index.path = folder + "/data.index.car";
  TRY(PutJson(folder_ + "/" + kInfoFile, ToJson(info)));
  info_ = std::move(info);
  if (!had_shards) ForgetPaths(info_.content);
  return Status::Ok();
}

Status Upload::RecordDone(Time now) { return journal_->Record("done", FormatTime(now)); }

Status Upload::RemoveShards() {
  // Whether they are all there or not.
  for (size_t i = 0; i <= info_.content.shards.size(); ++i) {
    std::string path = folder_ + "/data." + (i == 0 ? "index" : std::to_string(i)) + ".car";
    std::error_code error;
    if (!fs::remove(path, error) && error) return FromErrno("cannot remove " + path, error.value());
  }
  ForgetPaths(info_.content);
  for (const char* name : {"/journal.json", "/upload.json"}) ipld::PartFile::Sweep(folder_ + name);
  for (const std::string& target : info_.targets)
    ipld::PartFile::Sweep(folder_ + "/" + target + ".journal.json");
  return Status::Ok();
}

Status Upload::Remove() {
  std::error_code error;
  fs::remove(folder_ + "/" + kInfoFile, error);
  fs::remove_all(folder_, error);
  return error ? FromErrno("cannot remove " + folder_, error.value()) : Status::Ok();
}

Result<std::unique_ptr<UploadLock>> Upload::TryLock() const {
  std::string path = folder_ + "/lock";
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return FromErrno("cannot lock " + path, errno);
  auto lock = std::make_unique<UploadLock>(file);
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return FromErrno("cannot lock " + path, errno);
  return std::unique_ptr<UploadLock>();
}

std::vector<OutputRecord> Upload::Outputs() const {
  std::vector<OutputRecord> outputs;
  for (const auto& [target, stored] : AllStored()) {
    outputs.push_back({.sequence = info_.commit.sequence,
                       .kind = "root",
                       .cid = info_.content.root.Text(),
                       .size = info_.bytes,
                       .files = info_.files,
                       .target = target,
                       .location = stored.where,
                       .links = Join(stored.links, "\n")});
  }
  auto add = [&](const char* kind, const ipld::ShardFile& file) {
    outputs.push_back({.sequence = info_.commit.sequence,
                       .kind = kind,
                       .cid = file.cid.Text(),
                       .size = file.size});
  };
  for (const ipld::ShardFile& shard : info_.content.shards) add("shard", shard);
  add("index", info_.content.index);
  return outputs;
}

namespace {

std::string MemoryPath(const std::string& state_folder, const std::string& sink) {
  return Upload::FolderOfAll(state_folder) + "/commits/" + sink + ".json";
}

}  // namespace

Result<std::optional<SinkMemory>> ReadMemory(const std::string& state_folder,
                                             const std::string& sink) {
  std::string path = MemoryPath(state_folder, sink);
  Result<Json> json = ReadJson(path);
  if (json.code() == Code::kNotFound) return std::optional<SinkMemory>();
  if (!json.ok()) return json.status();
  try {
    SinkMemory memory{.commit = {json->at("task"), json->at("sequence")},
                      .position = json->at("position"),
                      .upload = json->at("upload")};
    return std::optional(std::move(memory));
  } catch (const std::exception& error) {
    return Invalid(path + " cannot be read: " + error.what(),
                   "remove it; then the last commit is stored again");
  }
}

Status WriteMemory(const std::string& state_folder, const std::string& sink,
                   const SinkMemory& memory) {
  std::string path = MemoryPath(state_folder, sink);
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return FromErrno("cannot write " + path, error.value());
  ipld::PartFile::Sweep(path);
  return PutJson(path, {{"task", memory.commit.task},
                        {"sequence", memory.commit.sequence},
                        {"position", memory.position},
                        {"upload", memory.upload}});
}

}  // namespace millrace::content
