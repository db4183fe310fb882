// The pipelines of a project, read and checked through the whole chain: what validate and test
// begin with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/workspace.h"
#include "pipeline/pipeline.h"

namespace millrace {

struct CheckedPipelines {
  std::vector<std::unique_ptr<Pipeline>> pipelines;  // those asked for whose structure is right
  std::vector<std::unique_ptr<Pipeline>> siblings;  // the project's others, whose tables these read
  std::unique_ptr<ConnectContext> connect;
  std::unique_ptr<CheckContext> context;
  Diagnostics diagnostics;  // of the pipelines asked for

  // All but one, which may be null.
  std::vector<Pipeline*> Others(const Pipeline* than) const;
};

// `paths`: files, folders or names; none: all of the project. kNotFound when there are none.
Result<CheckedPipelines> CheckPipelinesAt(Workspace& workspace,
                                          const std::vector<std::string>& paths);

// To stderr, errors red.
void PrintDiagnostics(Terminal& terminal, const std::vector<Diagnostic>& diagnostics);

}  // namespace millrace
