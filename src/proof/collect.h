// Makes a run's manifest: what is known when it begins, and what its records, tables and files say
// when it has ended.
#pragma once

#include <stop_token>
#include <string>

#include "config/yaml.h"
#include "connect/registry.h"
#include "lake/lake.h"
#include "pipeline/project.h"
#include "proof/manifest.h"
#include "store/store.h"

namespace millrace::proof {

struct Scene {
  Env& env;
  const Project& project;
  const Registry& registry;
  Engine& engine;
  Store& store;
  Lake& lake;
  std::string program;  // "millrace 0.1.0"
};

// `path` of the project's folder where it is in it; what is not stays as it is.
std::string ShortPath(const Project& project, const std::string& path);
// The other way. kInvalid: a relative one that leads out of the folder.
Result<std::string> FullPath(const std::string& folder, const std::string& path);

// The path in a target's or an input's config; "" where it has none.
std::string PathIn(const YamlNode& config);

// The run, its program, its sources and its tasks' definitions.
Result<Manifest> Begin(const Scene& scene, const RunRecord& run, std::stop_token stop);
// The rest. kUnavailable: commits of it are not finished yet, or it still runs.
Status Complete(const Scene& scene, Manifest& manifest, std::stop_token stop);

}  // namespace millrace::proof
