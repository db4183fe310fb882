// The CQL client: the Rust crate `scylla` behind C calls (src/lib.rs). Rows cross it as whole
// Arrow arrays (https://arrow.apache.org/docs/format/CDataInterface.html). The protocol is CQL
// binary v4 (https://cassandra.apache.org/doc/latest/cassandra/reference/native-protocol.html).
//
// Every call returns 0, or a kind of failure after it has filled `error`, whose text the caller
// frees. What is opened is closed by its own close call, a session after all that it opened. A
// session may be used by several threads, a writer and a scan by one at a time. A call that takes a
// `stop` returns MCQL_CANCELED at once when it is asked to; null: nobody asks.
#pragma once

#include <cstdint>

extern "C" {

struct ArrowSchema;
struct ArrowArray;

enum {
  MCQL_OK = 0,
  MCQL_INVALID = 1,     // the server does not accept the statement, or types do not meet
  MCQL_NOT_FOUND = 2,   // no such keyspace or table
  MCQL_UNAVAILABLE = 3,  // no answer, too few replicas, overloaded
  MCQL_DENIED = 4,      // user, password or rights
  MCQL_CANCELED = 5,
  MCQL_INTERNAL = 6,
  MCQL_INSECURE = 7  // TLS: a certificate that is not trusted, or none
};

struct McqlSession;
struct McqlWriter;
struct McqlScan;
struct McqlStop;

struct McqlError {
  char* text;  // mcql_free_text; null: none
};
void mcql_free_text(char* text);

McqlStop* mcql_stop_new();
void mcql_stop_request(McqlStop* stop);  // any thread, any number of times
void mcql_stop_free(McqlStop* stop);

struct McqlOptions {
  const char* const* hosts;  // "host:port"
  int32_t host_count;
  const char* local_dc;  // "": none is preferred. No text is null
  const char* user;     // "": no sign-in
  const char* password;
  int32_t tls;
  const char* ca_file;   // PEM; "": the system's
  const char* cert_file;  // of this client; "": none
  const char* key_file;
  int32_t verify;  // 0: certificate and address, 1: certificate, 2: nothing
  int64_t connect_timeout_ms, request_timeout_ms;
  int32_t compression;  // 0: none, 1: lz4, 2: snappy
  int32_t connections;  // a node
  int32_t threads;     // that speak with the servers
};

int32_t mcql_connect(const McqlOptions* options, McqlStop* stop, McqlSession** session,
                     McqlError* error);
void mcql_close(McqlSession* session);

// A statement without parameters. Its rows, whole, as a struct array; `schema` and `array` may be
// null. A change of the schema is known to all nodes when it returns. `consistency` is the
// protocol's number, or -1 for LOCAL_QUORUM.
int32_t mcql_query(McqlSession* session, const char* cql, int32_t consistency, McqlStop* stop,
                   ArrowSchema* schema, ArrowArray* array, McqlError* error);

// What a statement with parameters takes from a row: the number of a column, or one of these.
constexpr int32_t MCQL_TIMESTAMP = -1;  // microseconds: the batch's first, and one more each row

struct McqlStatement {
  const char* cql;       // INSERT, UPDATE or DELETE with ?
  const int32_t* values;  // one for each ?
  int32_t value_count;
};

struct McqlWriterOptions {
  McqlStatement upsert;
  McqlStatement remove;  // value_count 0: nothing is deleted
  int32_t remove_column;  // BOOLEAN: rows where it is true are deleted; -1: none
  const int32_t* keys;   // columns that must not be null
  int32_t key_count;
  int32_t skip_nulls;  // a null leaves what is there
  int32_t repeatable;  // sent twice it does no harm: then a request without an answer is repeated
  int32_t consistency;
  int32_t in_flight;   // rows at once
  int32_t batch_rows;  // of one request, at most, where the same servers have them
  int32_t retries;     // of a request, for reasons that may pass, with growing pauses
  int64_t first_pause_ms, longest_pause_ms;
  int64_t speculative_after_ms;  // 0: never
  int32_t speculative_most;
};

// `schema` of the batches is only looked at. MCQL_INVALID names columns that cannot be written.
int32_t mcql_writer_open(McqlSession* session, const McqlWriterOptions* options,
                         const ArrowSchema* schema, McqlStop* stop, McqlWriter** writer,
                         McqlError* error);
// Takes over `array`. Sends in the background; waits while there is too much on its way. Rows that
// do not fit are not sent, and told: a struct array of row BIGINT, column VARCHAR, reason VARCHAR,
// by row, released by the caller; its length is 0 when there are none. The failure of an earlier
// row is told here or by mcql_flush: nothing more is sent then.
int32_t mcql_write(McqlWriter* writer, ArrowArray* array, int64_t first_timestamp,
                   McqlStop* stop, ArrowSchema* misfits_schema, ArrowArray* misfits,
                   McqlError* error);
// Waits until every row is acknowledged; `repeated` counts requests that were sent again.
int32_t mcql_flush(McqlWriter* writer, McqlStop* stop, int64_t* repeated, McqlError* error);
void mcql_writer_close(McqlWriter* writer);  // what is on its way may arrive, or not

struct McqlScanOptions {
  const char* cql;      // SELECT; with two ?: of a range of tokens, from (not in it) to (in it)
  int32_t ranges;       // how many pieces the ring is cut into; 0: the statement has no ?
  int32_t parallel;     // read at once
  int32_t page_rows;    // rows a batch, at most
  int32_t consistency;
  int32_t retries;
  int64_t first_pause_ms, longest_pause_ms;
};

int32_t mcql_scan_open(McqlSession* session, const McqlScanOptions* options, McqlStop* stop,
                       McqlScan** scan, ArrowSchema* schema, McqlError* error);
// The next rows; `array` is released (null) after the last ones.
int32_t mcql_scan_next(McqlScan* scan, McqlStop* stop, ArrowArray* array, McqlError* error);
// Of all rows read so far, in whatever order: equal rows give an equal digest (16 bytes).
void mcql_scan_digest(McqlScan* scan, uint8_t* digest, int64_t* rows);
void mcql_scan_close(McqlScan* scan);

}
