// The Cassandra of the suite: started when a world first needs it, one for the program and the
// children that it kills. Each world has a keyspace of its own.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "base/storage.h"

namespace millrace::conformance {

class World;

// YAML of a source or sink of a table in the world's keyspace; `more` begins with a comma. Starts
// nothing.
std::string CassandraConfig(const std::string& table, const std::string& more = "");

// The world's own folder; the server is there then.
std::unique_ptr<Storage> LakeBesideCassandra(const std::string& world_folder);

// Puts rows into the world's table `rows`, which gets the columns that it lacks.
Status AddToCassandra(World& world, const std::string& rows);
// SQL over what the table `rows` holds: the key first, then by name, as the server has columns.
std::string ReadCassandra(World& world);
// The table is there, and is one of counters.
void SpoilCassandra(World& world);

}  // namespace millrace::conformance
