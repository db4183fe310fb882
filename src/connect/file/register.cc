#include "connect/file/file.h"
#include "connect/file/sink_config.h"

namespace millrace::file {

void Register(Registry& registry) {
  registry.AddSink<SinkConfig>("file", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::file
