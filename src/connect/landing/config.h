// What a pipeline file says of a landing.
#pragma once

#include <memory>
#include <string>

#include "config/spec.h"
#include "connect/registry.h"

namespace millrace::landing {

struct SinkConfig {
  std::string name;
};

Spec<SinkConfig> SinkSpec();
SinkTraits TraitsOf(const SinkConfig& config);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

}  // namespace millrace::landing
