// Whether what a manifest says is so, as far as it can be seen on this machine: its signature, and
// each thing that it names, down to the bytes. Nothing is written; nothing is asked of a network.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "lake/lake.h"
#include "proof/manifest.h"

namespace millrace::proof {

enum class Finding { kSame, kDiffers, kNotHere };

struct Seen {
  std::string what;  // "input data/a.csv", "output silver.flights part-….parquet"
  Finding finding = Finding::kSame;
  std::string detail;  // "SHA-256 is …, the manifest says …"
};

struct Places {
  std::string folder;  // of the project
  Lake& lake;
};

// Each thing in order, as soon as it is looked at. kCanceled when it was stopped.
Status VerifyContent(const Manifest& manifest, const Places& places,
                     const std::function<void(const Seen&)>& tell, std::stop_token stop);

// The sources and inputs alone: whether the run could be repeated.
std::vector<Seen> LookAtInputs(const Manifest& manifest, const Places& places,
                                  std::stop_token stop);

// One file against what was said of it.
Seen LookAt(const std::string& what, const std::string& path, const FileProof& said,
               std::stop_token stop);

}  // namespace millrace::proof
