// What a pipeline file says of a lake table.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "connect/registry.h"
#include "lake/lake.h"

namespace millrace {

template <>
struct EnumNames<Mode> {
  static constexpr std::pair<std::string_view, Mode> kAll[] = {
      {"append", Mode::kAppend},
      {"replace", Mode::kReplace},
      {"merge", Mode::kMerge},
      {"delete_insert", Mode::kDeleteInsert},
  };
};

template <>
struct EnumNames<Contract> {
  static constexpr std::pair<std::string_view, Contract> kAll[] = {
      {"evolve", Contract::kEvolve},
      {"freeze", Contract::kFreeze},
      {"discard_row", Contract::kDiscardRow},
      {"discard_value", Contract::kDiscardValue},
  };
};

}  // namespace millrace

namespace millrace::table {

struct SourceConfig {
  std::string name;
  std::optional<bool> incremental;
};

struct SinkConfig {
  std::string name;
  std::optional<Mode> mode;  // absent: the pipeline decides by the inputs; append where nobody does
  std::vector<std::string> key, order_by, exclude;
  std::string delete_when;
  std::vector<std::string> partition_by;
  Contract contract = Contract::kEvolve;
  std::string compression = "zstd";
  std::optional<Micros> retention;
  std::map<std::string, std::string> properties;
};

Spec<SourceConfig> SourceSpec();
Spec<SinkConfig> SinkSpec();
SourceTraits TraitsOf(const SourceConfig& config);
SinkTraits TraitsOf(const SinkConfig& config);

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context);

}  // namespace millrace::table
