// CQL for rows of a shape: how their table is made, and how they are put into it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "connect/cassandra/config.h"
#include "data/schema.h"
#include "net/cassandra/cassandra.h"

namespace millrace::cassandra {

// The column that says that a row's key is deleted; not written itself.
inline constexpr const char* kTombstone = "_tombstone";

// CREATE TYPE for each STRUCT, then CREATE TABLE. Collections are frozen: written twice they stay
// what they are.
Result<std::vector<std::string>> CreateTable(const Schema& rows, const TableName& name,
                                             const SinkConfig& config);
std::string CreateKeyspace(const std::string& name, const KeyspaceConfig& config);

// kInvalid names every column that the table lacks, or that its key needs.
Result<CassandraWriterOptions> PlanWrite(const Schema& rows, const CassandraTable& table,
                                         const SinkConfig& config);

}  // namespace millrace::cassandra
