// Runs again what a manifest tells of, in a place apart, on the same inputs, and compares what came
// out, CID by CID.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "proof/collect.h"
#include "proof/manifest.h"
#include "run/run.h"

namespace millrace::proof {

enum class Match {
  kSame,
  kReordered,  // the same rows, in another order
  kDiffers,
  kUnknown,  // what there was then is not on this machine any more, and the CIDs differ
};

struct Compared {
  std::string what;
  Match match = Match::kSame;
  std::string detail;
};

// `folder` is empty and the caller's to remove; `observer` is told of the run. kInvalid, before
// anything runs: a source or an input is not what it was, or the run is none that can be repeated.
// Otherwise `tell` hears of each output.
Result<Runner::Outcome> Reproduce(const Scene& scene, const Manifest& manifest,
                                  const std::string& folder, Observer& observer,
                                  const std::function<void(const Compared&)>& tell,
                                  std::stop_token stop);

}  // namespace millrace::proof
