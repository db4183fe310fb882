// The S3 server of the suite: started when a world first needs it, one for the program and the
// children that it kills.
#pragma once

#include <memory>
#include <string>

#include "base/storage.h"

namespace millrace::conformance {

// The fields of a connection to it, as YAML without braces. Starts nothing.
std::string S3Fields();
// On its disk: the bucket of a world.
std::string S3Bucket(const std::string& world_folder);

Status PutIntoBucket(const std::string& world_folder, const std::string& key,
                     const std::string& file);

// The world has its bucket; its lake is a folder, but for "landing" where `landing_there`.
std::unique_ptr<Storage> LakeBesideS3(const std::string& world_folder, bool landing_there);

}  // namespace millrace::conformance
