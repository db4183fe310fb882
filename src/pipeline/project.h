// A project: the folder with millrace.yml (all of it optional), pipelines/, and the lake and store
// they use.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "config/diagnostics.h"
#include "config/spec.h"
#include "config/values.h"

namespace millrace {

// Absent: kept for ever.
struct RetentionSettings {
  std::optional<Micros> versions;  // earlier states of tables
  std::optional<Micros> landing;   // landed files
  std::optional<Micros> rejects;   // rows that were put aside
  bool Any() const { return versions || landing || rejects; }
};
struct LakeSettings {
  std::string path = "lake";  // a folder, relative to the project, or s3://bucket/prefix
  std::map<std::string, std::string> layers;  // those that live elsewhere: name → as path
  std::string connection;                     // for the places on a server
  bool create_buckets = false;
  Bytes copies{int64_t{1} << 30};  // of files just written, on this machine; each place on a server
  Micros compact_every{std::chrono::minutes(1)};  // tables that continuous tasks write
  RetentionSettings retention;
};
struct StoreSettings {
  std::string path = ".millrace/millrace.db";
};
struct ManifestSettings {
  std::string folder = ".millrace/manifests";
  Secret key;  // empty: no manifests are written
};
struct EngineSettings {
  std::string memory_limit = "60%";  // of the machine's memory, or bytes: "512MB"
  int threads = 0;                   // 0: all cores
  std::string spill = ".millrace/spill";
  std::string spill_limit = "";  // "" = 90 % of what is free
};

// Where ${NAME} is looked up, the strongest first: the process's environment, .env beside the
// pipeline file, .env beside millrace.yml, `vars:` of the pipeline, of the environment, of the
// project.
struct VariableLayers {
  std::map<std::string, std::string> process, dotenv, vars;
  std::map<std::string, std::string> Merged() const;
};

struct Project {
  std::string folder;       // absolute
  std::string file;         // "millrace.yml" as found, or ""
  std::string environment;  // "" or one of `environments:`
  LakeSettings lake;
  StoreSettings store;
  EngineSettings engine;
  ManifestSettings manifests;
  int parallel = 0;       // tasks at once; 0: one a core
  YamlNode lake_config;   // `lake` as it is written, for the places of faults
  YamlNode connections;   // name → config; read by connectors
  Values values;          // environment, .env, vars; secrets
  VariableLayers layers;  // what values.variables was merged from

  std::string Absolute(std::string_view path) const;  // relative to the folder
};

// Finds millrace.yml in `start` or a folder above it; without one the project is `start` itself.
// `environment`: --env or MILLRACE_ENV. kLake: only what reaching the lake takes, so that who has
// no secret of the others can look at it.
enum class ProjectPart { kAll, kLake };
Project LoadProject(const std::string& start, const std::string& environment,
                    Diagnostics& diagnostics, ProjectPart part = ProjectPart::kAll);
// pipelines/*/pipeline.yml and pipeline.yml in the project folder, sorted.
std::vector<std::string> FindPipelines(const Project& project);
// A pipeline by path, folder or name. kNotFound names the ones there are.
Result<std::string> ResolvePipeline(const Project& project, std::string_view name_or_path);

std::shared_ptr<const SpecInfo> ProjectSpec();

}  // namespace millrace
