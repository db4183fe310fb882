#include "connect/content/node.h"

#include "base/text.h"
#include "net/http/url.h"
#include "net/ipld/car_files.h"
#include "net/ipld/part_file.h"

namespace millrace::content {

Result<std::unique_ptr<http::Requester>> MakeRequester(const HttpConfig& config,
                                                       const ConnectContext& context) {
  http::Requester::Log log;
  if (context.log_requests && context.log)
    log = [tell = context.log](const http::Exchange& exchange) { tell(ToString(exchange)); };
  return MakeRequester(config, context.env.clock, context.folder, std::move(log));
}

Result<std::unique_ptr<http::Requester>> MakeRequester(const HttpConfig& config, Clock& clock,
                                                       const std::string& folder,
                                                       http::Requester::Log log) {
  http::ClientOptions options{.connect_timeout = config.connect_timeout,
                              .read_timeout = config.read_timeout,
                              .timeout = config.timeout,
                              .max_body = int64_t{1} << 50};  // what is kept has a limit of its own
  if (!config.ca_file.empty()) {
    bool absolute = config.ca_file.starts_with('/');
    options.ca_file = absolute ? config.ca_file : folder + "/" + config.ca_file;
  }
  // Not 500: a node says so whatever it cannot do.
  http::RequesterOptions polite{.retry = {.max_attempts = config.attempts},
                                .retry_statuses = {408, 425, 429, 502, 503, 504}};
  auto requester =
      std::make_unique<http::Requester>(TRY(http::Client::Create(std::move(options))), clock,
                                        std::move(polite), std::move(log));
  if (!config.token.empty()) {
    requester->SignWith(http::HeaderAuthenticator("Authorization", config.token, "Bearer "));
  } else if (!config.username.empty()) {
    requester->SignWith(http::BasicAuthenticator(config.username, config.password));
  }
  return requester;
}

std::string AtAddress(std::string base, const std::string& path) {
  while (base.ends_with('/')) base.pop_back();
  return base + path;
}

std::vector<std::string> LinksOf(const ipld::Cid& root, const std::string& gateway) {
  std::vector<std::string> links = {"ipfs://" + root.Text()};
  if (!gateway.empty()) links.push_back(AtAddress(gateway, "/ipfs/" + root.Text()));
  return links;
}

http::OnBody SaveCar(const std::string& to, int64_t most, std::stop_token stop,
                     std::function<void(int64_t)> progress) {
  return [=](const http::Response&, http::BodyStream& bytes) -> Status {
    auto file = TRY(ipld::PartFile::Create(to));
    ipld::CarReader reader([&](char* out, size_t size) { return bytes.Read(out, size); });
    TRY(reader.Open());
    TRY(file->Append(ipld::CarHeader(reader.roots())));
    for (;;) {
      if (stop.stop_requested()) return Canceled();
      std::optional<ipld::CarBlock> block = TRY(reader.Next());
      if (!block) break;
      TRY(block->cid.Verify(block->data).In("at byte " + std::to_string(block->offset)));
      TRY(file->Append(ipld::CarBlockHead(block->cid, block->data.size())));
      TRY(file->Append(block->data));
      if (file->size() > most)
        return Status(Code::kExhausted, "it is more than " + FormatBytes(most));
      if (progress) progress(file->size());
    }
    return file->Commit(to, /*sync=*/false);
  };
}

Result<std::string> CheckCars(const std::vector<std::string>& paths, const ipld::Cid& root,
                              std::stop_token stop) {
  auto files = TRY(ipld::CarFiles::Open(paths, {.verify = true}, stop));
  ipld::DagCheck check = TRY(ipld::CheckDag(files, {root}, stop));
  if (check.missing > 0) {
    return Status(Code::kRejected, FormatCount(check.missing) + " blocks are missing, " +
                                       check.some_missing.front().Text() + " the first");
  }
  return "every hash of " + FormatCount(check.reached) + " blocks is right, nothing is missing";
}

}  // namespace millrace::content
