#include "cli/witness.h"

#include "cli/help.h"
#include "net/ucan/signing_key.h"

namespace millrace {

Result<std::unique_ptr<proof::Witness>> MakeWitness(Workspace& workspace, Observer& next) {
  const Secret& text = workspace.project().manifests.key;
  if (text.empty()) return std::unique_ptr<proof::Witness>();
  Result<Ed25519Key> key = ucan::ParseSigningKey(text);
  if (!key.ok()) return key.status().In("manifests.key");
  return std::make_unique<proof::Witness>(
      proof::Scene{workspace.env(), workspace.project(), workspace.registry(),
                   *TRY(workspace.engine()), *TRY(workspace.store()), *TRY(workspace.lake()),
                   "millrace " + std::string(ProgramVersion())},
      *key, next, workspace.stop());
}

}  // namespace millrace
