// One DuckDB connection, and what it runs. Internal to the engine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/rows.h"
#include "data/schema.h"
#include "engine/duckdb/errors.h"
#include "engine/duckdb/interrupter.h"

struct _duckdb_connection;
struct _duckdb_database;

namespace millrace::duck {

using TextRow = std::vector<std::optional<std::string>>;

// A column of a statement's result, in DuckDB's type and in the lake's.
struct ResultColumn {
  std::string name;
  Type type;             // the lake's
  bool exact = true;     // DuckDB's type is the lake's: no cast needed
  bool untyped = false;  // NULL without a type: a VARCHAR in the lake
};

struct Prepared {
  std::vector<ResultColumn> columns;
  bool is_select = true;
  std::optional<EngineError> error;
};

// What COPY … RETURN_STATS told of one file.
struct WrittenFile {
  std::string path;
  int64_t rows = 0, size = 0;
  struct Pair {
    std::string key;
    std::optional<std::string> value;
  };
  std::vector<std::pair<std::string, std::vector<Pair>>> columns;  // column path → its statistics
  std::vector<Pair> partition;
};

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(_duckdb_database* database,
                                                  Interrupter& interrupter);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs to the end; rows are dropped. Several statements may stand in it, all of them our own.
  Result<int64_t> Run(const std::string& sql, std::stop_token stop = {});
  // The same for one statement with the user's SQL in it. Returns how many rows it made or wrote.
  Result<int64_t> RunOne(const std::string& sql, std::stop_token stop = {});
  // All rows; every column must be a VARCHAR.
  Result<std::vector<TextRow>> Texts(const std::string& sql, std::stop_token stop = {});
  // COPY … RETURN_STATS.
  Result<std::vector<WrittenFile>> Copy(const std::string& sql, std::stop_token stop);
  // Rows as they come. The reader keeps this connection busy. `give_back` gets it when the reader
  // is gone, if that read to the end.
  using GiveBack = std::function<void(std::unique_ptr<Connection>)>;
  static Result<std::unique_ptr<RowReader>> Stream(std::unique_ptr<Connection> connection,
                                                   const std::string& sql, GiveBack give_back,
                                                   std::stop_token stop);
  // The rows of `select`, as `rows` gives them, become a table of this connection's, one after the
  // other: so its row groups are full, whatever threads made the rows. `rows` reads nothing that is
  // this connection's alone.
  Status Fill(const std::string& table, Connection& rows, const std::string& select,
              std::stop_token stop);
  // Parses, binds and plans one statement. Never runs it.
  Prepared Prepare(const std::string& sql);

  _duckdb_connection* handle() const { return handle_; }
  double Progress() const;  // 0 to 1, or -1; any thread
  Interrupter& interrupter() const { return interrupter_; }

 private:
  Connection(_duckdb_connection* handle, Interrupter& interrupter)
      : handle_(handle), interrupter_(interrupter) {}

  _duckdb_connection* handle_;
  Interrupter& interrupter_;
};

}  // namespace millrace::duck
