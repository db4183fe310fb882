// Storacha in the suite: the network's own service, started when a world first needs it, one for the
// program and the children that it kills.
#pragma once

#include <memory>
#include <string>

#include "base/storage.h"
#include "conformance/suite.h"

namespace millrace::conformance {

// Its address, and a token of a space of it. Starts nothing.
std::string StorachaFields();
std::unique_ptr<Storage> LakeBesideStoracha(const std::string& world_folder);

// What storage nodes have of the upload of the newest commit.
std::string ReadStoracha(World& world);

}  // namespace millrace::conformance
