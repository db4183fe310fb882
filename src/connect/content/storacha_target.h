// Storacha as a target: the network's own protocol, see net/storacha/.
#pragma once

#include <concepts>
#include <optional>
#include <string>

#include "config/spec.h"
#include "connect/content/targets.h"
#include "net/storacha/options.h"

namespace millrace::content {

struct StorachaConfig : storacha::Options {
  std::string connection;
  int at_once = 3;
  std::optional<std::string> gateway;  // absent: storacha.link for the public service, else none
};

template <std::derived_from<StorachaConfig> Config>
void AddStorachaFields(Spec<Config>& spec) {
  using S = StorachaConfig;
  auto add = [&spec]<class Base, class T>(const char* key, T Base::*member, std::string help,
                                          FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("token", &S::token,
      "Who uploads, and what allows it: X-Auth-Secret and Authorization as `storacha bridge "
      "generate-tokens SPACE --can space/blob/add --can space/index/add --can upload/add` prints "
      "them, joined by a colon.",
      {.example = "\"${STORACHA_API_TOKEN}\""});
  add("url", &S::url, "Address of the service.", {.example = "\"${STORACHA_API_URL}\""});
  add("space", &S::space, "The space's DID. Default: that of the token's delegation.",
      {.example = "did:key:z6Mk…"});
  add("service_did", &S::service_did,
      "Whom invocations are made out to. Default: did:web: and the host of `url`.",
      {.example = "\"did:web:up.storacha.network\""});
  add("service_key", &S::service_key,
      "The key that the service's receipts are signed with. Default: what it says at /version.",
      {.example = "did:key:z6Mk…"});
  add("gateway", &S::gateway,
      "Address of an HTTP gateway under which people find what was uploaded: for the links. "
      "Default: https://storacha.link for the public service, else none.");
  add("at_once", &S::at_once, "Shards that are sent at the same time.", {.min = 1, .max = 64});
  add("attempts", &S::max_attempts,
      "Of each step that fails for a reason that may pass, with growing pauses between them.",
      {.min = 1, .max = 100});
  add("first_delay", &S::first_delay,
      "Before the second attempt; doubled each time, less a random part.");
  add("max_delay", &S::max_delay, "The longest of these.");
  add("max_wait", &S::max_wait, "The longest `Retry-After` that is waited for.");
  add("connect_timeout", &S::connect_timeout, "Longest wait for a connection.", {.min = 0.001});
  add("read_timeout", &S::read_timeout, "Longest time without a byte, either way; whole seconds.",
      {.min = 1});
  add("timeout", &S::timeout, "Longest time of one request: of one shard.", {.min = 0.001});
  add("receipt_timeout", &S::receipt_timeout,
      "Longest wait until the acceptance of a shard that was sent is seen.");
  add("ca_file", &S::ca_file,
      "Certificates (PEM) to trust instead of the system's: for a server with a certificate of "
      "your own. Relative to the pipeline's folder.");
  add("proxy", &S::proxy, "Address of an HTTP proxy. Default: as the environment says.");
}

// What is wrong with it, as far as can be told without asking anybody.
Status CheckStoracha(const StorachaConfig& config);

TargetChoice ChooseStoracha(const StorachaConfig& config);
// Whether it answers, and the token allows an upload.
Result<std::string> TestStoracha(const StorachaConfig& config, std::stop_token stop);

}  // namespace millrace::content
