#include "lines.h"

namespace millrace::lines {

void Register(Registry& registry) {
  registry.AddSource<SourceConfig>(
      "lines",
      Spec<SourceConfig>("lines source", "A text file that grows, a row a line.")
          .Field("path", &SourceConfig::path, "Relative to the pipeline's folder.",
                 {.required = true, .example = "app.log"})
          .Short("path")
          .Example("A log", "from: {lines: app.log}"),
      MakeSource, [](const SourceConfig&) { return SourceTraits{.can_be_incremental = true}; });
  registry.AddSink<SinkConfig>(
      "lines",
      Spec<SinkConfig>("lines sink", "A folder of text files, one a commit.")
          .Field("folder", &SinkConfig::folder, "Relative to the pipeline's folder.",
                 {.required = true, .example = "out"})
          .Short("folder")
          .Example("A column as lines", "sql: SELECT name AS line FROM input\nto: {lines: out}"),
      MakeSink);
}

}  // namespace millrace::lines
