// The two ends of a task: `from` with its inputs, `to` and `rejects` with their targets.
#pragma once

#include <optional>
#include <vector>

#include "pipeline/connections.h"
#include "pipeline/pipeline.h"

namespace millrace {

// One connector without a name, or several named inputs. Whether each is incremental is decided by
// DecideModes.
std::vector<Input> ParseInputs(const YamlNode& from, const Registry& registry,
                               const Connections& connections, Diagnostics& diagnostics);

// What stands in `to` or `rejects`, not yet handed to its connector.
struct TargetNode {
  YamlNode node;  // the connector's config
  const Registry::Entry* entry = nullptr;
  YamlNode when;  // null: none
  bool otherwise = false;
  Place place;
};
std::vector<TargetNode> ReadTargets(const YamlNode& to, bool routed, const Registry& registry,
                                    Diagnostics& diagnostics);
// Where the config leaves the mode of writing open, it becomes `default_mode`.
std::optional<Target> ParseTarget(const TargetNode& target, const std::string& default_mode,
                                  const Connections& connections, const Values& values,
                                  Diagnostics& diagnostics);

// "append" when all inputs bring only rows that are new since the last commit, else "replace".
std::string DefaultMode(const std::vector<Input>& inputs);
// Inputs that can bring only what is new do so when the targets keep what they have.
void DecideIncremental(Task& task, Diagnostics& diagnostics);

bool IsTable(std::string_view name);  // "bronze.flights", not "landing/flights" or ""

}  // namespace millrace
