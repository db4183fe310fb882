// A Kubo node, by its RPC: https://docs.ipfs.tech/reference/kubo/rpc/
#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "base/scratch_folder.h"
#include "base/text.h"
#include "config/json.h"
#include "connect/content/kinds.h"

namespace millrace::content {

namespace {

constexpr const char* kBoundary = "millrace-5f1c1f0e7a3b4d2c";

class IpfsTarget final : public Target {
 public:
  IpfsTarget(IpfsConfig config, ConnectContext& context, std::unique_ptr<http::Requester> node)
      : config_(std::move(config)), context_(context), node_(std::move(node)) {}

  std::string Name() const override { return "ipfs"; }

  Status Probe(std::stop_token stop) override {
    return Ask("version", {}, std::move(stop)).status();
  }

  Result<Stored> Store(const ipld::Shards& content, Journal& journal,
                       std::stop_token stop) override {
    std::string root = content.root.Text();
    int64_t total = 0, done = 0;
    for (const ipld::ShardFile& shard : content.shards) total += shard.size;
    for (const ipld::ShardFile& shard : content.shards) {
      std::string step = "imported." + shard.cid.Text();
      if (!journal.Find(step)) {
        TRY(Import(shard, stop));
        TRY(Failpoint("content.ipfs.imported"));
        TRY(journal.Record(step, "1"));
      }
      done += shard.size;
      if (context_.progress) context_.progress("uploading", done, total);
    }
    // Of this node alone: what it lacks is not looked for in the network.
    Result<Json> pinned = Ask("pin/add", {{"arg", root}, {"offline", "true"}}, stop);
    if (!pinned.ok() && pinned.code() != Code::kCanceled) {
      // Imported blocks that nothing pinned may have been collected.
      for (const ipld::ShardFile& shard : content.shards)
        TRY(journal.Forget("imported." + shard.cid.Text()));
    }
    TRY(pinned.status());
    TRY(Failpoint("content.ipfs.pinned"));
    return Stored{.where = "node " + config_.api, .links = LinksOf(content.root, config_.gateway)};
  }

  Result<std::string> Verify(const ipld::Shards& content, Journal&,
                             std::stop_token stop) override {
    std::string root = content.root.Text();
    Result<Json> pin = Ask("pin/ls", {{"arg", root}, {"type", "recursive"}}, stop);
    if (pin.status().message().find("not pinned") != std::string::npos)
      return NotFound(root + " is not pinned at " + config_.api);
    TRY(pin.status());
    ScratchFolder scratch(context_.state_folder + "/staging", "verify-");
    TRY(scratch.Make());
    std::string car = scratch.path() + "/content.car";
    http::Request request = Call("dag/export", {{"arg", root}, {"offline", "true"}});
    request.on_body = SaveCar(car, INT64_MAX, stop);
    TRY(node_->Send(std::move(request), stop).status());
    return "pinned; read back, " + TRY(CheckCars({car}, content.root, stop));
  }

 private:
  http::Request Call(const std::string& method, http::Query query) const {
    return {.method = "POST",
            .url = AtAddress(config_.api, "/api/v0/" + method),
            .query = std::move(query)};
  }

  // Its answer; of one that is several lines the last.
  Result<Json> Ask(const std::string& method, http::Query query, std::stop_token stop) {
    http::Response response = TRY(node_->Send(Call(method, std::move(query)), std::move(stop)));
    return LastLine(response.body, method);
  }

  Result<Json> LastLine(const std::string& body, const std::string& method) const {
    std::string_view text = Trim(body);
    size_t line = text.rfind('\n');
    Json json = Json::parse(line == text.npos ? text : text.substr(line + 1), nullptr,
                            /*allow_exceptions=*/false);
    if (json.is_object()) return json;
    return Status(Code::kUnavailable,
                  AtAddress(config_.api, "/api/v0/" + method) + " gives no answer of a node",
                  "see that `api` is the address of Kubo's RPC");
  }

  Status Import(const ipld::ShardFile& shard, std::stop_token stop) {
    http::Request request =
        Call("dag/import", {{"pin-roots", "false"}, {"stats", "true"}});
    request.content_type = std::string("multipart/form-data; boundary=") + kBoundary;
    std::string dashes = std::string("--") + kBoundary;
    std::string head = dashes +
                       "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.car\"\r\n"
                       "Content-Type: application/octet-stream\r\n\r\n";
    request.file_body = http::FileBody{.path = shard.path,
                                       .size = shard.size,
                                       .before = std::move(head),
                                       .after = "\r\n" + dashes + "--\r\n"};
    http::Response response = TRY(node_->Send(std::move(request), stop));
    // The statistics come when all of it was imported; an error in between ends the answer early.
    Json last = TRY(LastLine(response.body, "dag/import"));
    if (last.contains("Stats")) return Status::Ok();
    return {Code::kUnavailable, "the node did not import all of " + shard.path};
  }

  const IpfsConfig config_;
  ConnectContext& context_;
  const std::unique_ptr<http::Requester> node_;
};

}  // namespace

TargetChoice ChooseIpfs(const IpfsConfig& config) {
  return {"ipfs", config.api,
          [config](ConnectContext& context) -> Result<std::unique_ptr<Target>> {
            auto node = TRY(MakeRequester(config, context));
            return std::unique_ptr<Target>(new IpfsTarget(config, context, std::move(node)));
          }};
}

Result<std::string> TestNode(const IpfsConfig& config, std::stop_token stop) {
  IpfsConfig once = config;
  once.attempts = 1;
  auto node = TRY(MakeRequester(once, SystemClock(), ".", {}));
  http::Request request{.method = "POST", .url = AtAddress(config.api, "/api/v0/version")};
  http::Response response = TRY(node->Send(std::move(request), stop));
  Json json = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("Version"))
    return Invalid(config.api + " is no Kubo node", "see that `api` is the address of its RPC");
  return "Kubo " + json["Version"].get<std::string>();
}

}  // namespace millrace::content
