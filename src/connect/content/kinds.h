// What a pipeline file says of the targets that are servers: a Kubo node, a pinning service, a
// bucket.
#pragma once

#include <concepts>
#include <string>

#include "connect/content/node.h"
#include "connect/content/targets.h"
#include "connect/s3/config.h"

namespace millrace::content {

// --- ipfs: a Kubo node

struct IpfsConfig : HttpConfig {
  std::string connection;
  std::string api = "http://127.0.0.1:5001";
  std::string gateway;
};

template <std::derived_from<IpfsConfig> Config>
void AddIpfsFields(Spec<Config>& spec) {
  auto add = FieldsOf<IpfsConfig>(spec);
  add("api", &IpfsConfig::api, "Address of the node's RPC.",
      {.example = "\"http://127.0.0.1:5001\""});
  add("gateway", &IpfsConfig::gateway,
      "Address of an HTTP gateway under which people find what the node has: for the links.",
      {.example = "\"https://ipfs.example.com\""});
  AddHttpFields(spec);
}

TargetChoice ChooseIpfs(const IpfsConfig& config);
Result<std::string> TestNode(const IpfsConfig& config, std::stop_token stop);

// --- pinning: a service that keeps what it finds in the network

struct PinningConfig : HttpConfig {
  std::string endpoint;
  std::vector<std::string> origins;
  Micros wait = std::chrono::minutes(10);
  Micros poll = std::chrono::seconds(2);
  std::string gateway;
};

template <std::derived_from<PinningConfig> Config>
void AddPinningFields(Spec<Config>& spec) {
  auto add = FieldsOf<PinningConfig>(spec);
  add("endpoint", &PinningConfig::endpoint, "Of the IPFS Pinning Service API, without /pins.",
      {.required = true, .example = "\"https://api.pinata.cloud/psa\""});
  add("origins", &PinningConfig::origins,
      "Multiaddresses of nodes that have the content: the service asks them first.");
  add("wait", &PinningConfig::wait, "Longest wait until it is pinned.");
  add("poll", &PinningConfig::poll, "From one question whether it is pinned to the next.",
      {.min = 0.01});
  add("gateway", &PinningConfig::gateway, "Address of an HTTP gateway: for the links.");
  AddHttpFields(spec);
}

TargetChoice ChoosePinning(const PinningConfig& config);

// --- s3: a bucket

struct S3TargetConfig : s3::ServerConfig {
  std::string connection, path;
};

template <std::derived_from<S3TargetConfig> Config>
void AddS3Fields(Spec<Config>& spec) {
  auto add = FieldsOf<S3TargetConfig>(spec);
  add("path", &S3TargetConfig::path,
      "s3://BUCKET/…, or below the bucket of the connection: gets a folder ROOT/ of CAR files "
      "for each upload.",
      {.required = true, .example = "\"s3://archive/content\""});
  add("connection", &S3TargetConfig::connection, kConnectionHelp);
  s3::AddServerFields(spec);
}

TargetChoice ChooseS3(const S3TargetConfig& config);

}  // namespace millrace::content
