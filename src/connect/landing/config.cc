#include "connect/landing/config.h"

#include "connect/landing/landing.h"

namespace millrace::landing {

Spec<SourceConfig> SourceSpec() {
  Spec<SourceConfig> spec("landing source", "Files that were landed, read as they came.");
  spec.Field("path", &SourceConfig::path,
             "The landing, then a file or a glob of its files; without one, all of them.",
             {.required = true, .example = "\"orders/*.csv.gz\""});
  AddFormatFields(spec);
  spec.Field("incremental", &SourceConfig::incremental, file::kIncrementalHelp)
      .Field("rewritten", &SourceConfig::rewritten, file::kRewrittenHelp)
      .Short("path")
      .Example("What was landed", "from: {landing: \"orders/*.csv.gz\"}")
      .Require([](const SourceConfig& config) { return CheckName(LandingOf(config)).ok(); },
               "'path' must begin with the name of a landing", "write it like orders/*.csv");
  return spec;
}

Spec<SinkConfig> SinkSpec() {
  return Spec<SinkConfig>("landing sink",
                          "Files as they came: bytes and names, with SHA-256, size and time. What "
                          "did not change is not landed twice; earlier versions are kept.")
      .Field("name", &SinkConfig::name, "Of the landing, a folder below `landing` in the lake.",
             {.required = true, .example = "orders"})
      .Short("name")
      .Example("Keep what comes", "from: {file: \"in/*.csv.gz\"}\nto: {landing: orders}")
      .Require([](const SinkConfig& config) { return CheckName(config.name).ok(); },
               "'name' must be made of letters, digits, '_', '-' and '.'", "write it like orders");
}

SourceTraits TraitsOf(const SourceConfig& config) {
  return {.reads = FolderOf(LandingOf(config)),
          .incremental = config.incremental,
          .can_be_incremental = true,
          .pause = std::chrono::seconds(1)};
}

std::string LandingOf(const SourceConfig& config) {
  return config.path.substr(0, config.path.find('/'));
}

std::string PatternOf(const SourceConfig& config) {
  size_t slash = config.path.find('/');
  std::string pattern = slash == config.path.npos ? "" : config.path.substr(slash + 1);
  return pattern.empty() ? "*" : pattern;
}

SinkTraits TraitsOf(const SinkConfig& config) {
  return {.writes = FolderOf(config.name), .takes_files = true};
}

void Register(Registry& registry) {
  registry.AddSource<SourceConfig>("landing", SourceSpec(), MakeSource, TraitsOf);
  registry.AddSink<SinkConfig>("landing", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::landing
