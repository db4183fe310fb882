// The lake that millrace.yml describes: a folder, buckets of a server, or some of each.
#pragma once

#include <stop_token>

#include "config/diagnostics.h"
#include "connect/registry.h"
#include "lake/lake.h"
#include "pipeline/connections.h"
#include "pipeline/project.h"

namespace millrace {

// Tells what is wrong with the settings; asks no server.
void CheckLake(const Project& project, const Registry& registry, const Connections& connections,
               Diagnostics& diagnostics);

// Precondition: CheckLake told nothing. `state_folder`: for locks and files on their way. `stop`
// ends every call to a server.
Result<LakeStorage> OpenLakeStorage(const Project& project, const Registry& registry,
                                    const Connections& connections,
                                    const std::string& state_folder, std::stop_token stop);

}  // namespace millrace
