// Lines of text, as source and as sink: a connector that exists only to show what one is made of.
#pragma once

#include <memory>
#include <string>

#include "connect/registry.h"

namespace millrace::lines {

struct SourceConfig {
  std::string path;
};
struct SinkConfig {
  std::string folder;
};

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);
void Register(Registry& registry);

}  // namespace millrace::lines
