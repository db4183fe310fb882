#include "connect/content/storacha_target.h"

#include <atomic>

#include "base/hash.h"
#include "base/time.h"
#include "connect/content/node.h"
#include "net/http/url.h"
#include "net/storacha/upload.h"

namespace millrace::content {

namespace {

using storacha::Acceptance;

class JournalSteps final : public storacha::Steps {
 public:
  explicit JournalSteps(Journal& journal) : journal_(journal) {}
  std::optional<std::string> Find(const std::string& step) override { return journal_.Find(step); }
  Status Record(const std::string& step, const std::string& value) override {
    return journal_.Record(step, value);
  }
  Status Forget(const std::string& step) override { return journal_.Forget(step); }

 private:
  Journal& journal_;
};

std::vector<ipld::ShardFile> BlobsOf(const ipld::Shards& content) {
  std::vector<ipld::ShardFile> blobs = content.shards;
  blobs.push_back(content.index);
  return blobs;
}

class StorachaTarget final : public Target {
 public:
  StorachaTarget(StorachaConfig config, ConnectContext& context,
                 std::unique_ptr<storacha::Service> service)
      : config_(std::move(config)), context_(context), service_(std::move(service)) {}

  std::string Name() const override { return "storacha"; }

  Status Probe(std::stop_token stop) override {
    TRY(service_->CheckToken());
    return service_->Ping(stop);
  }

  Result<Stored> Store(const ipld::Shards& content, Journal& journal,
                       std::stop_token stop) override {
    JournalSteps steps(journal);
    int64_t total = 0;
    for (const ipld::ShardFile& blob : BlobsOf(content)) total += blob.size;
    std::atomic<int64_t> done = 0;
    auto stored = [&](int64_t bytes) {
      int64_t now = done += bytes;
      if (context_.progress) context_.progress("uploading", now, total);
    };
    TRY(storacha::Upload(*service_, content, steps, {config_.at_once, stored}, stop));
    return Stored{.where = "space " + service_->space() + " at " + service_->options().url,
                  .links = Links(content.root)};
  }

  Result<std::string> Verify(const ipld::Shards& content, Journal& journal,
                             std::stop_token stop) override {
    JournalSteps steps(journal);
    if (!storacha::IsDone(*service_, content.root, steps))
      return NotFound(content.root.Text() + " was not uploaded to " + service_->options().url);
    int64_t bytes = 0, read = 0, blobs = 0;
    for (const ipld::ShardFile& blob : BlobsOf(content)) {
      std::optional<Acceptance> accepted = storacha::AcceptanceOf(*service_, blob.cid, steps);
      if (!accepted) return NotFound(blob.cid.Text() + " was not accepted");
      ++blobs;
      bytes += blob.size;
      if (accepted->location.empty()) continue;
      TRY(service_->Compare(accepted->location, blob.size, HexOf(blob.cid.digest()), stop)
              .In(blob.cid.Text()));
      read += blob.size;
    }
    std::string words = std::to_string(blobs) + " blobs accepted, " + FormatBytes(bytes);
    return words + "; " + FormatBytes(read) + " read back and right";
  }

 private:
  std::vector<std::string> Links(const ipld::Cid& root) const {
    std::string gateway = config_.gateway.value_or(
        service_->options().url == storacha::kPublicService ? "https://storacha.link" : "");
    return LinksOf(root, gateway);
  }

  const StorachaConfig config_;
  ConnectContext& context_;
  const std::unique_ptr<storacha::Service> service_;
};

Result<std::unique_ptr<storacha::Service>> MakeService(const StorachaConfig& config, Clock& clock,
                                                       const std::string& folder,
                                                       http::Requester::Log log) {
  TRY(CheckStoracha(config));
  storacha::Options options = config;
  if (!options.ca_file.empty() && !options.ca_file.starts_with('/'))
    options.ca_file = folder + "/" + options.ca_file;
  return storacha::Service::Create(std::move(options), clock, std::move(log));
}

}  // namespace

Status CheckStoracha(const StorachaConfig& config) {
  if (config.token.empty()) {
    return Invalid("target 'storacha' needs a token",
                   "write `token: \"${STORACHA_API_TOKEN}\"`, and set it to what `storacha bridge "
                   "generate-tokens` prints: X-Auth-Secret, a colon, Authorization");
  }
  return http::ParseUrl(config.url).status();
}

TargetChoice ChooseStoracha(const StorachaConfig& config) {
  std::string place = config.space.empty() ? config.url : config.url + " " + config.space;
  auto make = [config](ConnectContext& context) -> Result<std::unique_ptr<Target>> {
    http::Requester::Log log;
    if (context.log_requests && context.log)
      log = [tell = context.log](const http::Exchange& exchange) { tell(ToString(exchange)); };
    auto service = TRY(MakeService(config, context.env.clock, context.folder, std::move(log)));
    return std::unique_ptr<Target>(new StorachaTarget(config, context, std::move(service)));
  };
  return {"storacha", std::move(place), std::move(make)};
}

Result<std::string> TestStoracha(const StorachaConfig& config, std::stop_token stop) {
  StorachaConfig once = config;
  once.max_attempts = 1;
  auto service = TRY(MakeService(once, SystemClock(), ".", {}));
  TRY(service->CheckToken());
  TRY(service->Ping(stop));
  return "the token allows uploads to " + service->space();
}

}  // namespace millrace::content
