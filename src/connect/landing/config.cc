#include "connect/landing/config.h"

#include "connect/landing/landing.h"

namespace millrace::landing {

Spec<SinkConfig> SinkSpec() {
  return Spec<SinkConfig>("landing sink",
                          "Files as they came: bytes and names, with SHA-256, size and time. What "
                          "did not change is not landed twice; earlier versions are kept.")
      .Field("name", &SinkConfig::name, "Of the landing, a folder below `landing` in the lake.",
             {.required = true, .example = "orders"})
      .Short("name")
      .Example("Keep what comes", "from: {file: \"in/*.csv.gz\"}\nto: {landing: orders}")
      .Require([](const SinkConfig& config) { return CheckName(config.name).ok(); },
               "'name' must be made of letters, digits, '_', '-' and '.'",
               "write it like orders");
}

SinkTraits TraitsOf(const SinkConfig& config) {
  return {.writes = FolderOf(config.name), .takes_files = true};
}

void Register(Registry& registry) {
  registry.AddSink<SinkConfig>("landing", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::landing
