// The Kafka broker of the suite: started when it is first needed, one for the program and the
// children that it kills. Each world has a topic of its own.
#pragma once

#include <memory>
#include <string>

#include "base/storage.h"
#include "conformance/suite.h"

namespace millrace::conformance {

// The fields of a connection to it, as YAML without braces. Starts nothing.
std::string KafkaFields();
// A folder to be the world's lake; starts the broker.
std::unique_ptr<Storage> LakeBesideKafka(const std::string& world_folder);
// Records of JSON in the world's topic, a row each.
Status SendRows(World& world, const std::string& rows);
// SQL over the records that were committed to the world's topic: id, v.
std::string ReadTopic(World& world);
// The world's topic takes no record.
void SpoilTopic(World& world);

}  // namespace millrace::conformance
