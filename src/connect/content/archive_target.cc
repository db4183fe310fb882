#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/failpoint.h"
#include "base/file_copy.h"
#include "base/text.h"
#include "connect/content/targets.h"
#include "net/ipld/car_files.h"

namespace millrace::content {

namespace {

namespace fs = std::filesystem;

// Lets the blocks of some CAR files into another one.
Status CopyBlocks(const std::vector<ipld::ShardFile>& shards, ipld::BlockSink& to,
                  std::stop_token stop) {
  for (const ipld::ShardFile& shard : shards) {
    Descriptor file = TRY(ipld::OpenCar(shard.path));
    ipld::CarReader reader(ipld::ReadFrom(file.get(), shard.path));
    TRY(reader.Open().In(shard.path));
    for (;;) {
      if (stop.stop_requested()) return Canceled();
      Result<std::optional<ipld::CarBlock>> block = reader.Next();
      if (!block.ok()) return block.status().In(shard.path);
      if (!*block) break;
      TRY(to.Put((*block)->cid, (*block)->data));
    }
  }
  return Status::Ok();
}

// One CAR file an upload, or its shards. A file has its name only when it is whole and durable.
class ArchiveTarget final : public Target {
 public:
  ArchiveTarget(ArchiveConfig config, std::string folder)
      : config_(std::move(config)), folder_(std::move(folder)) {}

  std::string Name() const override { return "archive"; }

  Status Probe(std::stop_token) override {
    std::error_code error;
    fs::path existing = folder_;
    while (!fs::exists(existing, error) && existing.has_relative_path())
      existing = existing.parent_path();
    if (!fs::is_directory(existing, error)) return Invalid(existing.string() + " is no folder");
    if (::access(existing.c_str(), W_OK) != 0)
      return FromErrno("cannot write into " + existing.string(), errno);
    return Status::Ok();
  }

  Result<Stored> Store(const ipld::Shards& content, Journal& journal,
                       std::stop_token stop) override {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) return FromErrno("cannot make " + folder_, error.value());
    Stored stored{.where = PathOf(content, "")};
    if (config_.shards) {
      stored.where = folder_ + "/" + content.root.Text() + ".*.car";
      TRY(CopyShards(content, stop));
    } else {
      ipld::PartFile::Sweep(PathOf(content, ""));
      ipld::CarWriter car(PathOf(content, ""), /*sync=*/true);
      TRY(CopyBlocks(content.shards, car, stop));
      TRY(Failpoint("content.archive.before"));
      TRY(car.Finish(content.root).status());
    }
    TRY(Failpoint("content.archive.after"));
    TRY(journal.Record("shards", config_.shards ? std::to_string(content.shards.size()) : "0"));
    return stored;
  }

  Result<std::string> Verify(const ipld::Shards& content, Journal& journal,
                             std::stop_token stop) override {
    std::vector<std::string> paths;
    int64_t count = std::atoll(journal.Find("shards").value_or("0").c_str());
    for (int64_t i = 1; i <= count; ++i) paths.push_back(PathOf(content, std::to_string(i)));
    if (paths.empty()) paths.push_back(PathOf(content, ""));
    auto files = TRY(ipld::CarFiles::Open(paths, {.verify = true}, stop));
    ipld::DagCheck check = TRY(ipld::CheckDag(files, {content.root}, stop));
    if (check.missing > 0)
      return Status(Code::kRejected,
                    paths.front() + ": " + FormatCount(check.missing) + " blocks are missing");
    return "every hash of " + FormatCount(static_cast<int64_t>(files.blocks())) +
           " blocks is right, nothing is missing";
  }

 private:
  std::string PathOf(const ipld::Shards& content, const std::string& which) const {
    return folder_ + "/" + content.root.Text() + (which.empty() ? "" : "." + which) + ".car";
  }

  // Which are there already, and whole, stay.
  Status CopyShards(const ipld::Shards& content, std::stop_token stop) {
    for (size_t i = 0; i <= content.shards.size(); ++i) {
      bool index = i == content.shards.size();
      const ipld::ShardFile& shard = index ? content.index : content.shards[i];
      std::string to = PathOf(content, index ? "index" : std::to_string(i + 1));
      std::error_code error;
      if (fs::file_size(to, error) == static_cast<uintmax_t>(shard.size) && !error) continue;
      std::string part = to + ".part";
      fs::remove(part, error);
      TRY(CopyFile(shard.path, part, stop).status());
      TRY(Failpoint("content.archive.before"));
      TRY(OpenLocalStorage(folder_)->Rename(fs::path(part).filename().string(),
                                            fs::path(to).filename().string()));
    }
    return Status::Ok();
  }

  const ArchiveConfig config_;
  const std::string folder_;
};

}  // namespace

TargetChoice ChooseArchive(const ArchiveConfig& config) {
  return {"archive", config.folder,
          [config](ConnectContext& context) -> Result<std::unique_ptr<Target>> {
            fs::path folder = fs::path(context.folder) / config.folder / ".";
            return std::unique_ptr<Target>(
                new ArchiveTarget(config, folder.lexically_normal().parent_path().string()));
          }};
}

}  // namespace millrace::content
