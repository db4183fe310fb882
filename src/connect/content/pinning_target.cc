// A service that pins what it finds in the network, by the IPFS Pinning Service API:
// https://ipfs.github.io/pinning-services-api-spec/
#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "base/text.h"
#include "config/json.h"
#include "connect/content/kinds.h"
#include "net/http/url.h"

namespace millrace::content {

namespace {

struct Pin {
  std::string id, status, details;
};

class PinningTarget final : public Target {
 public:
  PinningTarget(PinningConfig config, ConnectContext& context,
                std::unique_ptr<http::Requester> service)
      : config_(std::move(config)), context_(context), service_(std::move(service)) {}

  std::string Name() const override { return "pinning"; }

  Status Probe(std::stop_token stop) override {
    return Get("/pins", {{"limit", "1"}}, std::move(stop)).status();
  }

  // The service fetches the content itself, from whoever has it: another target.
  Result<Stored> Store(const ipld::Shards& content, Journal& journal,
                       std::stop_token stop) override {
    Pin pin = TRY(Begin(content.root.Text(), journal, stop));
    Time end = context_.env.clock.Now() + config_.wait;
    while (pin.status != "pinned") {
      if (pin.status == "failed") {
        TRY(journal.Forget("request"));
        return Status(Code::kUnavailable, "the service could not pin it" + pin.details,
                      "it must find the content: store it at a node that it reaches, too");
      }
      if (context_.env.clock.Now() >= end)
        return Status(Code::kUnavailable, "it is still " + pin.status + " after " +
                                              FormatDuration(config_.wait) + pin.details);
      if (context_.progress) context_.progress("pinning", 0, -1);
      TRY(context_.env.clock.Sleep(config_.poll, stop));
      pin = TRY(Look(pin.id, stop));
    }
    return Stored{.where = "pin " + pin.id + " of " + config_.endpoint,
                  .links = LinksOf(content.root, config_.gateway)};
  }

  Result<std::string> Verify(const ipld::Shards& content, Journal&,
                             std::stop_token stop) override {
    std::optional<Pin> pin = TRY(Find(content.root.Text(), stop));
    if (!pin) return NotFound(config_.endpoint + " has no pin of it");
    if (pin->status != "pinned")
      return Status(Code::kRejected, "its pin is " + pin->status + pin->details);
    return std::string("pinned, as the service says; it gives no bytes to check");
  }

 private:
  Result<Json> Get(const std::string& path, http::Query query, std::stop_token stop) {
    http::Request request{.url = AtAddress(config_.endpoint, path), .query = std::move(query)};
    return Parse(TRY(service_->Send(std::move(request), std::move(stop))));
  }

  Result<Json> Parse(const http::Response& response) const {
    Json json = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) return json;
    return Status(Code::kUnavailable, config_.endpoint + " gives no answer of a pinning service",
                  "see that `endpoint` is right");
  }

  Result<Pin> ToPin(const Json& json) const {
    Pin pin;
    if (json.contains("requestid") && json["requestid"].is_string()) pin.id = json["requestid"];
    if (json.contains("status") && json["status"].is_string()) pin.status = json["status"];
    if (json.contains("info") && json["info"].is_object() && !json["info"].empty())
      pin.details =
          ": " + CutText(json["info"].dump(-1, ' ', false, Json::error_handler_t::replace), 200);
    if (!pin.id.empty() && !pin.status.empty()) return pin;
    return Status(Code::kUnavailable, config_.endpoint + " gives an answer without a pin");
  }

  Result<std::optional<Pin>> Find(const std::string& cid, std::stop_token stop) {
    Json json = TRY(Get("/pins", {{"cid", cid}, {"status", "queued,pinning,pinned"}}, stop));
    if (!json.contains("results") || !json["results"].is_array() || json["results"].empty())
      return std::optional<Pin>();
    return std::optional<Pin>(TRY(ToPin(json["results"][0])));
  }

  Result<Pin> Look(const std::string& id, std::stop_token stop) {
    return ToPin(TRY(Get("/pins/" + http::PercentEncode(id), {}, stop)));
  }

  // The one that was asked for before, or by another; else a new one.
  Result<Pin> Begin(const std::string& cid, Journal& journal, std::stop_token stop) {
    if (std::optional<std::string> id = journal.Find("request")) {
      Result<Pin> pin = Look(*id, stop);
      if (pin.ok() || pin.code() != Code::kNotFound) return pin;
    }
    std::optional<Pin> pin = TRY(Find(cid, stop));
    if (!pin) {
      Json body = {{"cid", cid}, {"name", "millrace " + context_.task}};
      if (!config_.origins.empty()) body["origins"] = config_.origins;
      http::Request request{.method = "POST",
                            .url = AtAddress(config_.endpoint, "/pins"),
                            .body = body.dump(-1, ' ', false, Json::error_handler_t::replace),
                            .content_type = "application/json"};
      pin = TRY(ToPin(TRY(Parse(TRY(service_->Send(std::move(request), stop))))));
    }
    TRY(Failpoint("content.pinning.requested"));
    TRY(journal.Record("request", pin->id));
    return *pin;
  }

  const PinningConfig config_;
  ConnectContext& context_;
  const std::unique_ptr<http::Requester> service_;
};

}  // namespace

TargetChoice ChoosePinning(const PinningConfig& config) {
  return {"pinning", config.endpoint,
          [config](ConnectContext& context) -> Result<std::unique_ptr<Target>> {
            auto service = TRY(MakeRequester(config, context));
            return std::unique_ptr<Target>(
                new PinningTarget(config, context, std::move(service)));
          }};
}

}  // namespace millrace::content
