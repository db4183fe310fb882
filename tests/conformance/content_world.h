// Content by its hash in the suite: a Kubo node, started when a world first needs it, one for the
// program and the children that it kills; and CAR files.
#pragma once

#include <memory>
#include <string>

#include "base/storage.h"
#include "conformance/suite.h"

namespace millrace::conformance {

// Of the node's RPC. Starts nothing.
std::string NodeAddress();
std::unique_ptr<Storage> LakeBesideNode(const std::string& world_folder);

// What a reader finds under the root that was pinned last: as the node gives it.
std::string ReadNode(World& world);
// The CAR files of the archive, <world>/kept, unpacked: the newest, or all of them.
std::string ReadArchive(World& world, bool all);
// What was there and what comes, as <world>/data.car.
Status AddToCar(World& world, const std::string& rows);

}  // namespace millrace::conformance
