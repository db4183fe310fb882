// One entry of `tasks:` becomes one task, or one for each combination of its matrix.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/connections.h"
#include "pipeline/pipeline.h"
#include "pipeline/specs.h"

namespace millrace {

// What all tasks of a file share.
struct TaskScope {
  const Registry& registry;
  const Connections& connections;
  Pipeline& pipeline;
  std::string shown_folder;  // of the pipeline file, for the names of SQL files
  PipelineConfig config;
  Values values;                           // variables, params; run.* where known, else kept
  std::map<std::string, std::string> run;  // run.* where known
  std::map<std::string, std::string> given_params;    // by --param: stronger than any default
  std::vector<std::pair<std::string, Place>> afters;  // what tasks name under `after`
  Diagnostics& diagnostics;
};

std::vector<Task> ReadTask(const YamlNode& node, TaskScope& scope);

// Parameters of `node` (name: default) over `base`, those of the command line over both. One
// without a value is an error.
std::map<std::string, std::string> ReadParams(const YamlNode& node,
                                              const std::map<std::string, std::string>& base,
                                              const std::map<std::string, std::string>& given,
                                              Diagnostics& diagnostics);

}  // namespace millrace
