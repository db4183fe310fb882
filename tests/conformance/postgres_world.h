// The PostgreSQL server of the suite: started when a world first needs it, one for the program and
// the children that it kills. Each world has a schema of its own there.
#pragma once

#include <memory>
#include <string>

#include "base/storage.h"
#include "conformance/suite.h"

namespace millrace::conformance {

// The fields of a connection to it, as YAML without braces. Starts nothing.
std::string PostgresFields();
// The world's schema is made; its lake is a folder.
std::unique_ptr<Storage> LakeBesidePostgres(const std::string& world_folder);

// By psql: neither uses our client.
Status InsertIntoPostgres(World& world, const std::string& rows);
std::string ReadFromPostgres(World& world);
// A view in the place of the table.
void SpoilPostgres(World& world);

}  // namespace millrace::conformance
