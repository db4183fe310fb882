// A requester as the config describes it.
#pragma once

#include <memory>
#include <string>

#include "connect/registry.h"
#include "connect/rest/config.h"
#include "net/http/requester.h"

namespace millrace::rest {

// `folder`: where long answers are put meanwhile.
Result<std::unique_ptr<http::Requester>> MakeRequester(const RequesterConfig& config,
                                                       ConnectContext& context,
                                                       const std::string& folder, int parallel);
// `url`, seen from the base.
Result<std::string> Address(const RequesterConfig& config, const std::string& url);

}  // namespace millrace::rest
