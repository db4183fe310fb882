#include "pipeline/project.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "pipeline/files.h"
#include "pipeline/yaml_tree.h"

namespace fs = std::filesystem;

namespace millrace {
namespace {

struct ProjectConfig {
  LakeSettings lake;
  StoreSettings store;
  EngineSettings engine;
  ManifestSettings manifests;
  int parallel = 0;
  YamlNode connections;
  std::map<std::string, std::string> vars;
  YamlNode environments;
};

Spec<RetentionSettings> RetentionSpec() {
  return Spec<RetentionSettings>(
             "retention",
             "How long what is no longer needed is kept; for ever unless set. After a run that "
             "succeeds, once a day, what is older goes from the tables and landings of its "
             "pipeline.")
      .Field("versions", &RetentionSettings::versions,
             "Earlier versions of tables: within this time they can be read and restored. It is "
             "what `tables vacuum` keeps, too.",
             {.example = "7d"})
      .Field("landing", &RetentionSettings::landing,
             "Landed files. Their names and SHA-256 stay on record.", {.example = "90d"})
      .Field("rejects", &RetentionSettings::rejects, "Rows that were put aside.",
             {.example = "30d"});
}

Spec<LakeSettings> LakeSpec() {
  return Spec<LakeSettings>("lake", "Where the tables are kept.")
      .Field("path", &LakeSettings::path,
             "Where <layer>/<table> are: a folder, relative to the project, or s3://BUCKET/PREFIX.",
             {.example = "\"s3://lake/prod\""})
      .Field("layers", &LakeSettings::layers,
             "Layers that live elsewhere, each in a folder or a bucket of its own; `landing` is "
             "one, too.",
             {.example = "{bronze: \"s3://bronze\", silver: \"s3://silver\"}"})
      .Field("connection", &LakeSettings::connection,
             "How a server is reached: one of `connections`. Without one, as its kind of server is "
             "reached by default.")
      .Field("create_buckets", &LakeSettings::create_buckets,
             "Make a bucket that is missing with the first write to it.")
      .Field("copies", &LakeSettings::copies,
             "Most disk, for each place on a server, that copies of files just written may take on "
             "this machine while the program runs: the tasks after read those.")
      .Field("compact_every", &LakeSettings::compact_every,
             "While continuous tasks run: how often the tables they write are looked at. Where one "
             "has a hundred files or more below 32 MB, those of about one size become one.",
             {.example = "1h"})
      .Group("retention", &LakeSettings::retention, RetentionSpec(),
             "How long earlier versions, landed files and rejects are kept.")
      .Short("path")
      .Example("One bucket a layer",
               "lake: {connection: store, layers: {bronze: \"s3://bronze\", silver: "
               "\"s3://silver\"}}");
}

Spec<StoreSettings> StoreSpec() {
  return Spec<StoreSettings>("store", "Where runs, tasks and commits are recorded.")
      .Field("path", &StoreSettings::path, "SQLite file, relative to the project.")
      .Short("path");
}

Spec<EngineSettings> EngineSpec() {
  return Spec<EngineSettings>("engine", "The embedded SQL engine.")
      .Field("memory_limit", &EngineSettings::memory_limit,
             "How much memory SQL may use: a size, or a share of the machine's memory.",
             {.example = "512MB"})
      .Field("threads", &EngineSettings::threads, "Threads of the engine; 0: one a core.",
             {.min = 0, .max = 1024})
      .Field("spill", &EngineSettings::spill, "Folder for what does not fit into memory.")
      .Field("spill_limit", &EngineSettings::spill_limit,
             "Most that may be spilled; empty: 90 % of what is free there.", {.example = "20GB"});
}

Spec<ManifestSettings> ManifestSpec() {
  return Spec<ManifestSettings>(
             "manifests",
             "A signed manifest of each run: what it read, did and wrote, with hashes. `millrace "
             "verify` checks it, `millrace reproduce` runs it again.")
      .Field("key", &ManifestSettings::key,
             "The Ed25519 key that signs; without one no manifests are written. `millrace keygen` "
             "prints one.",
             {.example = "${secret:manifest_key}"})
      .Field("folder", &ManifestSettings::folder,
             "Gets RUN.json of each run. Relative to the project.")
      .Short("key")
      .Example("Signed by a key from .millrace/secrets.yml",
               "manifests: {key: \"${secret:manifest_key}\", folder: manifests}");
}

Spec<ProjectConfig> MakeProjectSpec(bool with_environments) {
  Spec<ProjectConfig> spec(
      with_environments ? "project" : "environment",
      with_environments ? "millrace.yml: what the pipelines of a project share. All of it "
                          "is optional."
                        : "Settings that replace the project's when this environment is chosen.");
  spec.Group("lake", &ProjectConfig::lake, LakeSpec(), "Where the tables are kept.")
      .Group("store", &ProjectConfig::store, StoreSpec(),
             "Where runs, tasks and commits are recorded.")
      .Group("engine", &ProjectConfig::engine, EngineSpec(), "The embedded SQL engine.")
      .Group("manifests", &ProjectConfig::manifests, ManifestSpec(),
             "A signed manifest of each run.")
      .Field("parallel", &ProjectConfig::parallel, "Tasks that may run at once; 0: one a core.",
             {.min = 0, .max = 1024})
      .Field("connections", &ProjectConfig::connections,
             "Servers by name, for connectors that have a `connection` field.")
      .Field("vars", &ProjectConfig::vars,
             "Values for ${NAME}; the environment and .env are stronger.",
             {.example = "{REGION: eu}"});
  if (with_environments) {
    spec.Field("environments", &ProjectConfig::environments,
               "Settings by environment, chosen by --env or MILLRACE_ENV.",
               {.example = "{dev: {lake: dev-lake, vars: {REGION: test}}}"});
  }
  return spec;
}

fs::path FindProjectFolder(const std::string& start) {
  std::error_code error;
  fs::path folder = fs::absolute(start.empty() ? "." : start, error).lexically_normal();
  if (!fs::is_directory(folder, error)) folder = folder.parent_path();
  if (!folder.has_filename()) folder = folder.parent_path();  // "/a/b/" is "/a/b"
  for (fs::path at = folder;; at = at.parent_path()) {
    if (fs::is_regular_file(at / "millrace.yml", error)) return at;
    if (at == at.parent_path()) return folder;
  }
}

// The chosen environment's settings over the project's. All environments are checked, whichever is
// chosen.
YamlNode ChooseEnvironment(const YamlNode& root, const std::string& environment,
                           const std::string& file, Diagnostics& diagnostics) {
  const YamlNode* environments = root.Find("environments");
  YamlNode base = Without(root, "environments");
  std::vector<std::string> names;
  const YamlNode* chosen = nullptr;
  if (environments && !environments->IsNull() && !environments->IsMap()) {
    diagnostics.Error(environments->place, "'environments' must be a map of environments",
                      "write `environments: {dev: {lake: dev-lake}}`");
    return base;
  }
  if (environments) {
    for (const auto& [name, settings] : environments->entries) {
      names.push_back(name.scalar);
      if (name.scalar == environment) chosen = &settings;
    }
  }
  if (environment.empty()) return base;
  if (!chosen) {
    std::string closest = Closest(environment, names);
    std::string hint = !closest.empty() ? "did you mean '" + closest + "'?"
                       : names.empty()  ? "millrace.yml has no `environments:`"
                                        : "there are: " + Join(names, ", ");
    Place place = environments ? environments->place : Place{file.empty() ? "millrace.yml" : file};
    diagnostics.Error(place, "unknown environment '" + environment + "'", hint);
    return base;
  }
  return chosen->IsNull() ? base : Overlay(base, *chosen);
}

void CheckOtherEnvironments(const YamlNode& root, const std::string& chosen, const Values& values,
                            Diagnostics& diagnostics) {
  const YamlNode* environments = root.Find("environments");
  if (!environments || !environments->IsMap()) return;
  static const Spec<ProjectConfig> spec = MakeProjectSpec(false);
  for (const auto& [name, settings] : environments->entries) {
    if (settings.IsNull()) continue;
    if (name.scalar == chosen) {
      (void)spec.Parse(Interpolate(settings, values, diagnostics), diagnostics);
      continue;
    }
    // Its variables may be defined only where it is used.
    Diagnostics undefined;
    YamlNode node = Interpolate(settings, values, undefined);
    if (!undefined.HasErrors()) (void)spec.Parse(node, diagnostics);
  }
}

// Secrets by environment variable: MILLRACE_SECRET_CRM_PASSWORD is ${secret:crm_password}.
constexpr std::string_view kSecretPrefix = "MILLRACE_SECRET_";

void ReadEnvironment(Project& project) {
  for (char** entry = environ; entry && *entry; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    std::string name(text.substr(0, equals)), value(text.substr(equals + 1));
    if (name.starts_with(kSecretPrefix)) {
      name.erase(0, kSecretPrefix.size());
      project.values.secrets[name] = Secret(value);
      project.values.secrets[ToLower(name)] = Secret(value);
    } else {
      project.layers.process[name] = value;
    }
  }
}

// False after it was told, and where there is no such file.
bool IsPrivate(const std::string& path, const std::string& what, Diagnostics& diagnostics) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return false;
  if ((info.st_mode & 077) == 0) return true;
  std::string shown = ShownPath(path);
  diagnostics.Error({shown}, "others may read " + what, "run `chmod 600 " + shown + "`");
  return false;
}

// .env of the project: variables, and secrets by the names that they have in the environment,
// which is stronger.
void ReadProjectDotEnv(Project& project, Diagnostics& diagnostics) {
  bool secrets = false;
  for (auto& [name, value] : ReadDotEnv(project.folder, diagnostics)) {
    if (!name.starts_with(kSecretPrefix)) {
      project.layers.dotenv[name] = value;
      continue;
    }
    secrets = true;
    std::string secret = name.substr(kSecretPrefix.size());
    project.values.secrets.emplace(secret, Secret(value));
    project.values.secrets.emplace(ToLower(secret), Secret(value));
  }
  if (secrets) IsPrivate(project.folder + "/.env", "the secrets in it", diagnostics);
}

// .millrace/secrets.yml: name: value. Weaker than the environment and .env.
void ReadSecrets(Project& project, Diagnostics& diagnostics) {
  std::string path = project.folder + "/.millrace/secrets.yml", shown = ShownPath(path);
  if (!IsPrivate(path, "the secrets file", diagnostics)) return;
  Result<std::string> text = ReadTextFile(path);
  if (!text.ok()) {
    diagnostics.Error({shown}, text.status().message(), text.status().hint());
    return;
  }
  YamlNode root = ParseYaml(*text, shown, diagnostics);
  if (root.IsNull()) return;
  if (!root.IsMap()) {
    diagnostics.Error(root.place, "a secrets file is a map of names and values",
                      "write `name: value` lines");
    return;
  }
  for (const auto& [name, value] : root.entries) {
    if (!value.IsScalar()) {
      diagnostics.Error(value.place, "secret '" + name.scalar + "' must be a plain value");
    } else {
      project.values.secrets.emplace(name.scalar, Secret(value.scalar));
    }
  }
}

// Other sections may name secrets that are not here.
void LeaveTheLake(YamlNode& settings) {
  if (!settings.IsMap()) return;
  std::string connection;
  const YamlNode* lake = settings.Find("lake");
  if (const YamlNode* named = lake && lake->IsMap() ? lake->Find("connection") : nullptr)
    connection = named->scalar;
  std::erase_if(settings.entries,
                [](const auto& each) { return each.first.scalar == "manifests"; });
  for (auto& [name, section] : settings.entries) {
    if (name.scalar != "connections" || !section.IsMap()) continue;
    std::erase_if(section.entries,
                  [&](const auto& each) { return each.first.scalar != connection; });
  }
}

}  // namespace

std::map<std::string, std::string> VariableLayers::Merged() const {
  std::map<std::string, std::string> merged = process;
  merged.insert(dotenv.begin(), dotenv.end());  // insert keeps what is there
  merged.insert(vars.begin(), vars.end());
  return merged;
}

std::string Project::Absolute(std::string_view path) const {
  return (fs::path(folder) / path).lexically_normal().string();
}

Project LoadProject(const std::string& start, const std::string& environment,
                    Diagnostics& diagnostics, ProjectPart part) {
  Project project;
  project.folder = FindProjectFolder(start).string();
  project.environment = environment;
  if (const char* chosen = getenv("MILLRACE_ENV"); environment.empty() && chosen)
    project.environment = chosen;
  ReadEnvironment(project);
  ReadProjectDotEnv(project, diagnostics);
  ReadSecrets(project, diagnostics);

  YamlNode root;
  std::string path = project.folder + "/millrace.yml";
  std::error_code error;
  if (fs::is_regular_file(path, error)) {
    project.file = ShownPath(path);
    Result<std::string> text = ReadTextFile(path);
    if (!text.ok())
      diagnostics.Error({project.file}, text.status().message(), text.status().hint());
    if (text.ok()) root = WithoutExtensions(ParseYaml(*text, project.file, diagnostics));
  }
  YamlNode settings = ChooseEnvironment(root, project.environment, project.file, diagnostics);
  project.values.variables = project.layers.Merged();
  if (settings.IsNull()) return project;
  if (part == ProjectPart::kLake) LeaveTheLake(settings);

  // First the variables, which the rest may use.
  if (const YamlNode* vars = settings.Find("vars"); vars && vars->IsMap()) {
    for (const auto& [name, value] : Interpolate(*vars, project.values, diagnostics).entries) {
      if (value.IsScalar()) project.layers.vars[name.scalar] = value.scalar;
    }
    project.values.variables = project.layers.Merged();
  }
  CheckOtherEnvironments(root, project.environment, project.values, diagnostics);
  static const Spec<ProjectConfig> spec = MakeProjectSpec(true);
  YamlNode replaced = Interpolate(settings, project.values, diagnostics);
  std::optional<ProjectConfig> config = spec.Parse(replaced, diagnostics);
  if (!config) return project;
  project.lake = config->lake;
  if (const YamlNode* lake = replaced.Find("lake")) project.lake_config = *lake;
  project.store = config->store;
  project.engine = config->engine;
  project.manifests = config->manifests;
  project.parallel = config->parallel;
  project.connections = config->connections;
  return project;
}

std::shared_ptr<const SpecInfo> ProjectSpec() { return MakeProjectSpec(true).info(); }

}  // namespace millrace
