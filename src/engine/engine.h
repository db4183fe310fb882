// TRANSFORM: an engine runs SQL over named inputs. DuckDB in this process; Spark later, by the same
// calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "base/time.h"
#include "data/rows.h"
#include "data/schema.h"

namespace millrace {

// One SELECT statement (or VALUES, or WITH … SELECT), without a trailing semicolon.
struct Sql {
  std::string text;
};

// What an engine says of a statement that it will not run; offsets are bytes into the statement.
struct SqlError {
  std::string message;           // one line, of the engine's words, without its "LINE 1:" picture
  std::optional<size_t> offset;  // where in the statement
  std::string kind;              // "column" "table" "function" "type" "syntax" or ""
  std::string name;              // the unknown column, table or function
  std::vector<std::string> candidates;  // what it may have meant
};

struct Description {
  Schema schema;                 // what could be inferred in spite of the errors; empty if nothing
  std::vector<SqlError> errors;  // all that could be found, not only the first
  bool ok() const { return errors.empty(); }
};

struct TableRef {
  std::string name;   // "bronze.flights" or "input"
  size_t offset = 0;  // where it is named first
};

// What a statement names.
struct StatementNames {
  std::vector<TableRef> tables;  // and views; CTEs and functions are not among them
  // Functions whose result differs at each run and that FixTime does not fix (random, uuid…), in
  // lower case.
  std::vector<std::string> volatile_calls;
};

// A Parquet file that an engine wrote, as its writer reported it.
struct ParquetFile {
  struct ColumnStats {
    // The engine's text form; absent for nested, all-null and over-long ones.
    std::optional<std::string> min, max;
    int64_t nulls = 0;
    bool has_nan = false;
  };
  std::string path;  // absolute, or a URI
  int64_t rows = 0;
  int64_t size = 0;                              // bytes
  std::map<std::string, std::string> partition;  // column → value text; a null is absent
  std::vector<std::string> null_partitions;      // partition columns that are null here
  std::map<std::string, ColumnStats> columns;    // top-level columns by name
};

struct ParquetOptions {
  std::string folder;                             // absolute or a URI; exists
  std::string prefix;                             // file names begin with it: unique per write
  std::vector<std::string> partition_by;          // laid out as column=value/
  std::string compression = "zstd";               // zstd snappy lz4 gzip none
  int64_t target_file_size = int64_t{256} << 20;  // bytes, roughly
};

// One task's view of the engine: its own names and temporary rows. Used by one thread at a time,
// except Progress(). Every call returns kCanceled within a second of a stop request.
class Session {
 public:
  virtual ~Session() = default;

  // Makes rows of our process readable as `name`. They are read once, a second read is an error:
  // materialize to read again. kInvalid when there is no batch at all, for then the columns are not
  // known: DefineEmpty instead.
  virtual Status Bind(std::string_view name, std::unique_ptr<RowReader> rows,
                      std::stop_token stop) = 0;
  // name = a view over `sql`; "layer.table" makes the layer too. Replaces an earlier one.
  virtual Status Define(std::string_view name, const Sql& sql) = 0;
  // An empty table of this shape: for validation.
  virtual Status DefineEmpty(std::string_view name, const Schema& schema) = 0;
  // name = the rows of `sql`, computed once, kept in memory or spilled. Returns how many.
  virtual Result<int64_t> Materialize(std::string_view name, const Sql& sql,
                                      std::stop_token stop) = 0;
  virtual Status Drop(std::string_view name) = 0;

  // Types and errors without running. An engine failure is the Result's status; the statement's
  // faults are in it. The types are those of the lake: what Query gives and WriteParquet writes.
  virtual Result<Description> Describe(const Sql& sql) = 0;
  // By the engine's own parser, an answer a statement: a syntax error gives kInvalid. Many at once
  // cost little more than one.
  virtual std::vector<Result<StatementNames>> NamesInEach(const std::vector<Sql>& statements) = 0;
  Result<StatementNames> NamesIn(const Sql& sql) { return NamesInEach({sql}).front(); }

  // The session stays usable meanwhile, and must outlive the reader.
  virtual Result<std::unique_ptr<RowReader>> Query(const Sql& sql, std::stop_token stop) = 0;
  // All rows as text, nulls absent: for small results.
  virtual Result<std::vector<std::vector<std::optional<std::string>>>> Collect(
      const Sql& sql, std::stop_token stop) = 0;
  // Writes the rows as Parquet files; nothing is written for no rows.
  virtual Result<std::vector<ParquetFile>> WriteParquet(const Sql& sql,
                                                        const ParquetOptions& options,
                                                        std::stop_token stop) = 0;
  // Writes the rows into one file or to "/dev/stdout". format: csv json ndjson parquet. Returns
  // rows written.
  virtual Result<int64_t> WriteFile(const Sql& sql, const std::string& path,
                                    std::string_view format,
                                    const std::map<std::string, std::string>& options,
                                    std::stop_token stop) = 0;
  // Reads a Delta table that needs the engine's own reader (deletion vectors, column mapping).
  virtual Result<Sql> ForeignDelta(const std::string& uri, int64_t version) = 0;

  // Fixes now(), current_date and the random seed for what follows: a replay sees the same.
  virtual Status FixTime(Time now, uint64_t seed) = 0;
  // Of the statement that runs now: 0 to 1, or -1 when unknown. Any thread.
  virtual double Progress() const = 0;
  virtual std::string_view EngineName() const = 0;  // "duckdb"
};

// How an engine reaches the files of an object store by itself.
struct ObjectStore {
  std::string scope;     // "s3://bucket/prefix": all that lies below it
  std::string endpoint;  // http(s)://host[:port]; empty: AWS, by region
  std::string region;
  bool path_style = false;
  std::string access_key;  // empty: requests are not signed
  Secret secret_key;
  Secret session_token;
  std::string ca_file;  // PEM; empty: the system's certificates. One for all stores
  bool operator==(const ObjectStore&) const = default;
};

enum class SessionUse {
  kRun,
  kDescribe,  // statements are not made fast: for Describe, which then takes half the time
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Thread-safe. `label` is for messages.
  virtual Result<std::unique_ptr<Session>> Open(std::string_view label,
                                                SessionUse use = SessionUse::kRun) = 0;
  // Thread-safe; for all sessions. Replaces what was said of the same scope before.
  virtual Status Reach(const ObjectStore& store) = 0;
};

struct EngineOptions {
  int64_t memory_limit = 0;  // bytes; 0: 60 % of the machine's (or cgroup's) memory
  int threads = 0;           // 0: all cores
  std::string spill_folder;  // made when needed; "" = the system's temporary folder
  int64_t spill_limit = 0;   // bytes; 0: 90 % of what is free there
  // Tables' files, too, have the same bytes for the same rows in the same order, whatever the
  // threads: each write is gathered first, which takes about half as long again.
  bool in_order = false;
  // The process ends with the engine, by _exit: its memory is left to the system, which takes it
  // back at once.
  bool leave_memory = false;
};

Result<std::unique_ptr<Engine>> OpenDuckDb(const EngineOptions& options);

}  // namespace millrace
