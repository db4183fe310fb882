// millrace version
#include "cli/command.h"
#include "cli/help.h"

namespace millrace {

Action DeclareVersion(Options& options) {
  options.Example("millrace version", "what to tell in a report");
  return [](Invocation& invocation) -> Result<int> {
    invocation.terminal.Print("millrace " + std::string(ProgramVersion()) + "\n");
    return kExitDone;
  };
}

}  // namespace millrace
