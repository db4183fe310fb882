// What logical replication of one table needs on the server: a publication, and a replication slot,
// from which changes are read once and which keeps them until they are acknowledged.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "connect/postgres/pgoutput.h"
#include "net/postgres/connection.h"

namespace millrace::postgres {

struct PublishedTable {
  std::string name;  // quoted, with its schema
  uint32_t oid = 0;
  bool partitioned = false;
  std::vector<std::string> key;  // of its primary key; empty: it has none
};

// kInvalid when the server or the table cannot be replicated from, with what must be done.
Result<PublishedTable> LookAtPublished(pg::Connection& connection, const std::string& table,
                                       std::stop_token stop);
// Makes it where it is missing.
Status MakePublication(pg::Connection& connection, const std::string& publication,
                       const PublishedTable& table, std::stop_token stop);

struct SlotState {
  bool exists = false, active = false;
  Lsn confirmed = 0;  // what is before is forgotten
};
// kInvalid: the slot cannot be read any more.
Result<SlotState> LookAtSlot(pg::Connection& connection, const std::string& slot,
                             std::stop_token stop);

struct FreshSlot {
  std::unique_ptr<pg::Connection> connection;  // the snapshot lasts until it is asked for something
  std::string snapshot;
  Lsn start = 0;  // of the first commit that is not in the snapshot
};
// In the place of one of this name, which nobody may be reading.
Result<FreshSlot> MakeSlot(pg::Connection& connection, const pg::Options& server,
                           const std::string& slot, std::stop_token stop);

// A name that the server takes: "millrace_orders_1f3b9c2a".
std::string ServerName(const std::string& text);

}  // namespace millrace::postgres
