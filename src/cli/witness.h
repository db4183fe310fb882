// Who writes the manifests of a command's runs.
#pragma once

#include <memory>

#include "cli/workspace.h"
#include "proof/witness.h"

namespace millrace {

// Null where the project asks for none.
Result<std::unique_ptr<proof::Witness>> MakeWitness(Workspace& workspace, Observer& next);

}  // namespace millrace
