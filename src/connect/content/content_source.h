// Files by their CID, as source: from a Kubo node, a gateway, which is not trusted, or CAR files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connect/content/kinds.h"
#include "connect/registry.h"
#include "decode/format.h"

namespace millrace::content {

enum class GatewayForm { kAuto, kCar, kRaw };

struct ContentSourceConfig : FormatConfig, IpfsConfig {
  std::string cid;
  std::vector<std::string> path;
  std::vector<std::string> car;
  GatewayForm gateway_format = GatewayForm::kAuto;
  Bytes max_size{int64_t{100} << 30};
  int64_t max_files = 1'000'000;
};

Spec<ContentSourceConfig> ContentSourceSpec();
SourceTraits TraitsOfSource(const ContentSourceConfig& config);
Result<std::unique_ptr<Source>> MakeContentSource(const ContentSourceConfig& config,
                                                  ConnectContext& context);

}  // namespace millrace::content

namespace millrace {

template <>
struct EnumNames<content::GatewayForm> {
  static constexpr std::pair<std::string_view, content::GatewayForm> kAll[] = {
      {"auto", content::GatewayForm::kAuto},
      {"car", content::GatewayForm::kCar},
      {"raw", content::GatewayForm::kRaw},
  };
};

}  // namespace millrace
