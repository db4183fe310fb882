#include "connect/file/file.h"
#include "connect/file/sink_config.h"
#include "connect/file/source_config.h"

namespace millrace::file {

void Register(Registry& registry) {
  registry.AddSource<SourceConfig>("file", SourceSpec(), MakeSource, TraitsOf);
  registry.AddSink<SinkConfig>("file", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::file
