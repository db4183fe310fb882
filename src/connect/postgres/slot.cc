#include "connect/postgres/slot.h"

#include <chrono>
#include <thread>

#include "base/hash.h"
#include "base/text.h"
#include "connect/postgres/target_table.h"

namespace millrace::postgres {

namespace {

using Clock = std::chrono::steady_clock;

// The server needs a moment to notice that the process before this one is gone.
constexpr auto kReleaseTimeout = std::chrono::seconds(15);
constexpr auto kLook = std::chrono::milliseconds(100);

}  // namespace

std::string ServerName(const std::string& text) {
  std::string name;
  for (char c : ToLower(text)) name += IsNameByte(c) ? c : '_';
  return "millrace_" + name.substr(0, 40) + "_" + Sha256Hex(text).substr(0, 8);
}

Result<PublishedTable> LookAtPublished(pg::Connection& connection, const std::string& table,
                                       std::stop_token stop) {
  pg::Answer found = TRY(connection.Run(
      "SELECT n.nspname, c.relname, c.oid, c.relkind, c.relreplident, "
      "current_setting('wal_level'), "
      "(SELECT string_agg(a.attname, E'\\n') FROM pg_index i JOIN pg_attribute a ON a.attrelid = "
      "c.oid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary), "
      "EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) "
      "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(" +
          SqlLiteral(ParseName(table).Quoted()) + ")",
      stop));
  if (found.rows() == 0)
    return NotFound("there is no table " + table + " in " + connection.place(),
                    "see its name and schema; letters count as the database has them");
  if (found.Text(0, 5) != "logical")
    return Invalid(
        connection.place() + " keeps no log of changes: its wal_level is " + found.Text(0, 5),
        "set wal_level = logical there and restart it, or read by a `cursor`");
  std::string kind = found.Text(0, 3), identity = found.Text(0, 4);
  if (kind != "r" && kind != "p")
    return Invalid(table + " is no table: only tables have changes",
                   "name the table, or use a `cursor`");
  PublishedTable published{.name = TableName{found.Text(0, 0), found.Text(0, 1)}.Quoted(),
                           .oid = static_cast<uint32_t>(found.Number(0, 2)),
                           .partitioned = kind == "p"};
  if (!found.IsNull(0, 6)) published.key = Split(found.Text(0, 6), '\n');
  bool identified = identity == "f" || (identity == "d" && !published.key.empty()) ||
                    (identity == "i" && found.Bool(0, 7));
  if (!identified) {
    // Its owner's own UPDATE and DELETE would fail as soon as it is published.
    return Invalid(
        table + " has nothing to tell its rows apart by: no primary key, and no replica identity",
        "give it a primary key, or ALTER TABLE " + published.name +
            " REPLICA IDENTITY FULL, or read by a `cursor`");
  }
  return published;
}

Status MakePublication(pg::Connection& connection, const std::string& publication,
                       const PublishedTable& table, std::stop_token stop) {
  pg::Answer there = TRY(connection.Run(
      "SELECT p.oid IS NOT NULL, p.puballtables OR EXISTS (SELECT 1 FROM pg_publication_tables t "
      "WHERE t.pubname = p.pubname AND (t.schemaname || '.' || t.tablename) = " +
          std::string(
              "(SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON "
              "n.oid = c.relnamespace WHERE c.oid = ") +
          std::to_string(table.oid) +
          ")) FROM pg_publication p WHERE p.pubname = " + SqlLiteral(publication),
      stop));
  if (there.rows() > 0) {
    if (there.Bool(0, 1) || table.partitioned) return Status::Ok();
    return Invalid("publication " + publication + " does not have the table " + table.name,
                   "ALTER PUBLICATION " + SqlName(publication) + " ADD TABLE " + table.name);
  }
  Result<pg::Answer> made =
      connection.Run("CREATE PUBLICATION " + SqlName(publication) + " FOR TABLE " + table.name +
                         (table.partitioned ? " WITH (publish_via_partition_root = true)" : ""),
                     stop);
  if (made.ok() || made.code() == Code::kConflict) return Status::Ok();
  return Status(made.code(), made.status().message(),
                "have its owner run: CREATE PUBLICATION " + SqlName(publication) + " FOR TABLE " +
                    table.name + ", or name another one: `publication: …`");
}

Result<SlotState> LookAtSlot(pg::Connection& connection, const std::string& slot,
                             std::stop_token stop) {
  pg::Answer found = TRY(connection.Run(
      "SELECT active, confirmed_flush_lsn, wal_status, plugin, database = current_database(), "
      "slot_type FROM pg_replication_slots WHERE slot_name = " +
          SqlLiteral(slot),
      stop));
  if (found.rows() == 0) return SlotState();
  if (found.Text(0, 3) != "pgoutput" || !found.Bool(0, 4))
    return Invalid("replication slot " + slot + " is one of another database or program",
                   "name another one: `slot: …`");
  if (found.Text(0, 2) == "lost") {
    return Invalid("replication slot " + slot +
                       " was given up by the server: more changes came than max_slot_wal_keep_size "
                       "lets it keep",
                   "run with --full-refresh: the table is read anew; raise max_slot_wal_keep_size, "
                   "or run more often");
  }
  return SlotState{
      .exists = true, .active = found.Bool(0, 0), .confirmed = ParseLsn(found.Text(0, 1))};
}

Result<FreshSlot> MakeSlot(pg::Connection& connection, const pg::Options& server,
                           const std::string& slot, std::stop_token stop) {
  std::string drop =
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
      "slot_name = " +
      SqlLiteral(slot);
  auto end = Clock::now() + kReleaseTimeout;
  for (Result<pg::Answer> dropped = connection.Run(drop, stop); !dropped.ok();
       dropped = connection.Run(drop, stop)) {
    bool in_use = dropped.status().message().find("[55006]") != std::string::npos;
    if (!in_use || Clock::now() > end || stop.stop_requested()) return dropped.status();
    std::this_thread::sleep_for(kLook);
  }
  pg::Options options = server;
  options.replication = true;
  FreshSlot fresh;
  fresh.connection = TRY(pg::Connection::Open(options, stop));
  Result<pg::Answer> made = fresh.connection->Run(
      "CREATE_REPLICATION_SLOT " + SqlName(slot) + " LOGICAL pgoutput EXPORT_SNAPSHOT", stop);
  if (!made.ok()) {
    bool full = made.status().message().find("[53400]") != std::string::npos;
    return full ? Status(
                      Code::kExhausted, made.status().message(),
                      "raise max_replication_slots of the server, or drop slots that nobody reads")
                : made.status();
  }
  fresh.start = ParseLsn(made->Text(0, 1));
  fresh.snapshot = made->Text(0, 2);
  return fresh;
}

}  // namespace millrace::postgres
