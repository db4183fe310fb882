// A requester as the config describes it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/env.h"
#include "connect/rest/config.h"
#include "net/http/requester.h"

namespace millrace::rest {

struct RequesterContext {
  Clock& clock;
  std::string folder;                                // a relative ca_file starts here
  int parallel = 1;                                  // requests at once
  std::function<void(const std::string&)> log = {};  // a line for each request
};
Result<std::unique_ptr<http::Requester>> MakeRequester(const RequesterConfig& config,
                                                       const RequesterContext& context);
// Sends one request, to `test_url` or the base, and takes nothing of its answer.
Result<std::string> TestConnection(const RequesterConfig& config, std::stop_token stop);
// `url`, seen from the base.
Result<std::string> Address(const RequesterConfig& config, const std::string& url);

}  // namespace millrace::rest
