#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "base/file_copy.h"
#include "base/hash.h"
#include "base/scratch_folder.h"
#include "base/text.h"
#include "config/json.h"
#include "connect/content/kinds.h"

namespace millrace::content {

namespace {

// <path>/<root>/<CID of a shard>.car, the index among them, and upload.json, which comes last and
// says what belongs together. The server gets the SHA-256 of each, which is in its name.
class S3Target final : public Target {
 public:
  S3Target(S3TargetConfig config, s3::Place place, ConnectContext& context,
           std::shared_ptr<S3Client> client)
      : config_(std::move(config)),
        place_(std::move(place)),
        context_(context),
        client_(std::move(client)) {}

  std::string Name() const override { return "s3"; }

  Status Probe(std::stop_token stop) override {
    return client_->HeadBucket(place_.bucket, std::move(stop));
  }

  Result<Stored> Store(const ipld::Shards& content, Journal& journal,
                       std::stop_token stop) override {
    int64_t total = 0, done = 0;
    std::vector<ipld::ShardFile> files = Files(content);
    for (const ipld::ShardFile& file : files) total += file.size;
    for (const ipld::ShardFile& file : files) {
      std::string step = "put." + file.cid.Text();
      if (!journal.Find(step)) {
        TRY(client_->PutFile(place_.bucket, KeyOf(content, file), file.path,
                             {.content_type = "application/vnd.ipld.car",
                              .sha256 = HexOf(file.cid.digest())},
                             stop)
                .status());
        TRY(Failpoint("content.s3.put"));
        TRY(journal.Record(step, "1"));
      }
      done += file.size;
      if (context_.progress) context_.progress("uploading", done, total);
    }
    TRY(client_->Put(place_.bucket, Folder(content) + "upload.json", Listing(content),
                     {.content_type = "application/json"}, stop)
            .status());
    return Stored{.where = "s3://" + place_.bucket + "/" + Folder(content) + " of " +
                           client_->endpoint()};
  }

  Result<std::string> Verify(const ipld::Shards& content, Journal&,
                             std::stop_token stop) override {
    ScratchFolder scratch(context_.state_folder + "/staging", "verify-");
    TRY(scratch.Make());
    std::vector<std::string> paths;
    for (const ipld::ShardFile& file : Files(content)) {
      std::string path = scratch.path() + "/" + file.cid.Text() + ".car";
      TRY(client_->GetToFile(place_.bucket, KeyOf(content, file), path, {}, stop).status());
      if (TRY(CopyFile(path, "", stop)).sha256 != HexOf(file.cid.digest()))
        return Status(Code::kRejected, KeyOf(content, file) + " has another content");
      if (file.cid == content.index.cid) continue;
      paths.push_back(path);
    }
    return "read back, " + TRY(CheckCars(paths, content.root, stop));
  }

 private:
  static std::vector<ipld::ShardFile> Files(const ipld::Shards& content) {
    std::vector<ipld::ShardFile> files = content.shards;
    files.push_back(content.index);
    return files;
  }
  std::string Folder(const ipld::Shards& content) const {
    std::string prefix = place_.key;
    if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
    return prefix + content.root.Text() + "/";
  }
  std::string KeyOf(const ipld::Shards& content, const ipld::ShardFile& file) const {
    return Folder(content) + file.cid.Text() + ".car";
  }
  static std::string Listing(const ipld::Shards& content) {
    Json shards = Json::array();
    for (const ipld::ShardFile& shard : content.shards) shards.push_back(shard.cid.Text());
    Json json = {{"root", content.root.Text()},
                 {"shards", shards},
                 {"index", content.index.cid.Text()}};
    return json.dump(1) + "\n";
  }

  const S3TargetConfig config_;
  const s3::Place place_;
  ConnectContext& context_;
  const std::shared_ptr<S3Client> client_;
};

}  // namespace

TargetChoice ChooseS3(const S3TargetConfig& config) {
  return {"s3", config.endpoint + " " + config.bucket + " " + config.path,
          [config](ConnectContext& context) -> Result<std::unique_ptr<Target>> {
            s3::Place place = TRY(s3::PlaceOf(config.path, config.bucket));
            auto client = TRY(OpenS3(s3::OptionsOf(config)));
            return std::unique_ptr<Target>(
                new S3Target(config, std::move(place), context, std::move(client)));
          }};
}

}  // namespace millrace::content
