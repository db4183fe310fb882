#include "connect/file/source_config.h"

namespace millrace::file {

Spec<SourceConfig> SourceSpec() {
  Spec<SourceConfig> spec("file source",
                          "Files on this machine: one, a folder, or all that a glob matches.");
  spec.Field("path", &SourceConfig::path,
             "A file, a folder (all files below it) or a glob (* ? [..] and ** across folders), or "
             "several of them; "
             "relative to the pipeline's folder.",
             {.required = true, .min = 1, .example = "\"data/*.csv\""});
  AddFormatFields(spec);
  spec.Field("connection", &SourceConfig::connection, kServerHelp);
  spec.Field("incremental", &SourceConfig::incremental, kIncrementalHelp)
      .Field("rewritten", &SourceConfig::rewritten, kRewrittenHelp)
      .Field("hidden", &SourceConfig::hidden,
             "Take hidden files (.x, _x) and half-written ones (x.tmp, x.part, x~) of folders and "
             "globs, too.")
      .Field("keep", &SourceConfig::keep,
             "false: a file is removed once all that was taken from it is committed, so no other "
             "task can read it. A file that changed since then stays.")
      .Short("path")
      .Example("All CSV files of a folder", "from: {file: \"data/*.csv\"}")
      .Example("A dialect",
               "from: {file: {path: in/orders.txt, format: csv, csv: {delimiter: \";\", "
               "null_text: NA}}}");
  return spec;
}

SourceTraits TraitsOf(const SourceConfig& config) {
  return {.incremental = config.incremental,
          .can_be_incremental = true,
          .empties = !config.keep,
          .pause = std::chrono::seconds(1)};
}

}  // namespace millrace::file
