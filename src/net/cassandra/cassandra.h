// Cassandra and what speaks its protocol (CQL binary v4): statements, many rows written at once,
// whole tables read by ranges of tokens. Rows come and go as Arrow arrays; the rest is done by
// driver/, which speaks with the servers on threads of its own.
//
// A session is thread-safe, a writer and a scan are used by one thread at a time; both keep their
// session. All calls block and return within one second of a stop. Codes: kUnavailable no answer,
// too few replicas alive or overloaded; kNotFound no such keyspace or table; kInvalid what the
// server does not accept, sign-in and TLS among it. Messages name the servers, never a secret.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "base/time.h"
#include "data/rows.h"

struct McqlSession;

namespace millrace {

enum class CassandraVerify { kFull, kCertificate, kNothing };
enum class CassandraCompression { kNone, kLz4, kSnappy };
// By the protocol's numbers.
enum class CassandraConsistency {
  kAny = 0,
  kOne = 1,
  kTwo = 2,
  kThree = 3,
  kQuorum = 4,
  kAll = 5,
  kLocalQuorum = 6,
  kEachQuorum = 7,
  kLocalOne = 10,
};

struct CassandraOptions {
  std::vector<std::string> hosts;  // "host" or "host:port"
  int port = 9042;                 // of hosts that name none
  std::string local_dc;            // "": none is preferred
  std::string user;
  Secret password;
  bool tls = false;
  std::string ca_file;              // PEM; "": the system's
  std::string cert_file, key_file;  // PEM, of this client
  CassandraVerify verify = CassandraVerify::kFull;
  Micros connect_timeout = std::chrono::seconds(5);
  Micros request_timeout = std::chrono::seconds(10);
  CassandraCompression compression = CassandraCompression::kNone;
  int connections = 1;  // a node
  int threads = 1;      // that speak with the servers
};

struct CassandraRetry {
  int most = 8;  // repetitions of a request
  Micros first_pause = std::chrono::milliseconds(100);
  Micros longest_pause = std::chrono::seconds(5);
};

struct CassandraColumn {
  std::string name;
  std::string type;  // CQL: "frozen<list<text>>"
  std::string kind;  // partition_key clustering regular static
  int position = 0;  // in its part of the key
};

struct CassandraTable {
  std::string keyspace, name;
  std::string id;                        // another one when it was dropped and made anew
  std::vector<CassandraColumn> columns;  // the key first, in its order

  std::string ToCql() const;                // "keyspace"."table"
  std::string ToString() const;             // keyspace.table
  std::vector<std::string> KeyNames() const;  // of the whole primary key
  const CassandraColumn* Find(std::string_view name) const;  // as written, else whatever the case
};

// Cells as text, nulls absent.
using CassandraCells = std::vector<std::vector<std::optional<std::string>>>;

class CassandraSession {
 public:
  static Result<std::shared_ptr<CassandraSession>> Connect(const CassandraOptions& options,
                                                           std::stop_token stop);
  ~CassandraSession();
  CassandraSession(const CassandraSession&) = delete;
  CassandraSession& operator=(const CassandraSession&) = delete;

  // Without rows. A change of the schema is known to all nodes when it returns.
  Status Execute(const std::string& cql, CassandraConsistency consistency, std::stop_token stop);
  // Few rows, of types text, boolean, int, bigint, uuid or what has no type of its own here.
  Result<CassandraCells> Query(const std::string& cql, CassandraConsistency consistency,
                               std::stop_token stop);
  Result<bool> HasKeyspace(const std::string& keyspace, std::stop_token stop);
  // nullopt: no such table. A view counts as one.
  Result<std::optional<CassandraTable>> Describe(const std::string& keyspace,
                                                 const std::string& table, std::stop_token stop);

  const std::string& servers() const { return servers_; }  // for messages
  McqlSession* get() const { return session_; }

 private:
  CassandraSession(McqlSession* session, std::string servers)
      : session_(session), servers_(std::move(servers)) {}

  McqlSession* const session_;
  const std::string servers_;
};

// What stands for a ? of a statement: a column of the rows by its number, or the row's timestamp.
inline constexpr int kCassandraTimestamp = -1;

struct CassandraStatement {
  std::string cql;
  std::vector<int> values;
};

struct CassandraWriterOptions {
  CassandraStatement upsert;
  std::optional<CassandraStatement> remove;  // for rows where `remove_column` is true
  int remove_column = -1;                    // BOOLEAN
  std::vector<int> keys;                     // columns that must not be null
  bool skip_nulls = false;                   // a null leaves what is there
  bool repeatable = true;                    // sent twice, a row does no harm
  CassandraConsistency consistency = CassandraConsistency::kLocalQuorum;
  int in_flight = 256;  // rows on their way, at most
  int batch_rows = 10;  // of one request, at most, where the same servers have them
  CassandraRetry retry;
  std::optional<Micros> speculative_after;  // asks another replica, too
  int speculative_most = 1;
};

struct CassandraMisfit {
  int64_t row = 0;     // of the batch, from 0
  std::string column;  // of the rows
  std::string reason;  // "'x' is no UUID"
};

class CassandraWriter {
 public:
  // kInvalid names the columns of `like` whose type cannot become the table's.
  static Result<std::unique_ptr<CassandraWriter>> Open(std::shared_ptr<CassandraSession> session,
                                                       const CassandraWriterOptions& options,
                                                       const Rows& like, std::stop_token stop);
  ~CassandraWriter();  // rows on their way may arrive, or not

  // Rows of the same columns. The first gets this timestamp (microseconds), each one more than the
  // one before it. Returns the rows that do not fit: they are not written. Waits while too many are
  // on their way; the failure of an earlier row is told here or by Flush, and ends it.
  Result<std::vector<CassandraMisfit>> Write(const Rows& rows, int64_t first_timestamp,
                                             std::stop_token stop);
  // All rows are acknowledged. Returns how many requests were repeated so far.
  Result<int64_t> Flush(std::stop_token stop);

 private:
  struct Handle;
  explicit CassandraWriter(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

struct CassandraScanOptions {
  std::string cql;    // SELECT; with two ?: of tokens greater than, and up to
  int ranges = 0;     // of tokens; 0: the statement has no ?
  int parallel = 1;   // ranges at once
  int page = 5000;    // rows a batch, at most
  CassandraConsistency consistency = CassandraConsistency::kLocalQuorum;
  CassandraRetry retry;
};

class CassandraScan final : public RowReader {
 public:
  static Result<std::unique_ptr<CassandraScan>> Open(std::shared_ptr<CassandraSession> session,
                                                     const CassandraScanOptions& options,
                                                     std::stop_token stop);
  ~CassandraScan() override;
  // At least one batch, which may be empty.
  Result<std::optional<Rows>> Next(std::stop_token stop) override;
  // 32 hex digits, of the rows read so far: equal for equal rows, in whatever order they came.
  std::string Digest() const;
  int64_t rows() const;

 private:
  struct Handle;
  explicit CassandraScan(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace millrace
