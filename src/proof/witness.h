// Writes the manifests of runs, as their observer: what is known at the begin is kept on disk from
// then on, and becomes the manifest when the run has ended, before anybody is told that it has. So
// a run that was killed, before or after its end, gets its manifest from the next one.
//
//   <folder>/<run>.begun     canonical JSON: of a run that goes on, or was killed
//   <folder>/<run>.json      the signed manifest
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/ed25519.h"
#include "base/storage.h"
#include "proof/collect.h"
#include "run/run.h"

namespace millrace::proof {

// Where the manifest of a run is.
std::string ManifestPath(const Project& project, const RunId& run);

class Witness final : public Observer {
 public:
  // All of it outlives the witness; `next` is told every event, after what it brings about here.
  Witness(Scene scene, const Ed25519Key& key, Observer& next, std::stop_token stop);

  void On(const Event& event) override;
  // What went wrong with a manifest first.
  const Status& status() const { return status_; }
  // Of the last run that ended; "" when it has none.
  const std::string& last_manifest() const { return last_manifest_; }

 private:
  Status Start(const RunId& run);
  // The manifest of a run that has ended; kUnavailable when it is not to be had yet.
  Status Seal(const RunId& run);
  // Runs of a pipeline that is this process's, but for `but`.
  Status SealOthers(const std::string& pipeline, const RunId& but);
  void Note(const Event& event, const Status& status);

  Scene scene_;
  const Ed25519Key key_;
  Observer& next_;
  const std::stop_token stop_;
  const std::unique_ptr<Storage> folder_;
  Status status_;
  std::string last_manifest_;
};

}  // namespace millrace::proof
