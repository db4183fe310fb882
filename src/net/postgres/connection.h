// A connection to a PostgreSQL server, by libpq, which never blocks for longer than its caller
// wants: every call returns within a second of a stop, and after `read_timeout` of silence.
//
// Codes: kUnavailable the server does not answer, restarts, or a lock did not come; kInvalid the
// statement or the configuration is wrong, or something is not permitted; kNotFound what was named
// is not there; kRejected a value or row breaks a rule of the table; kExhausted disk or memory of
// the server. Messages hold the server's words and SQLSTATE, never a password. A connection that
// was stopped in the middle of a call, or lost, is broken(): open another. The server notices that
// by itself within a second and rolls back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/postgres/options.h"

struct pg_conn;
struct pg_result;

namespace millrace::pg {

using Values = std::vector<std::optional<std::string>>;  // of $1, $2…, as text

// What a statement gave, as text.
class Answer {
 public:
  explicit Answer(pg_result* result) : result_(result) {}
  Answer(Answer&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
  Answer& operator=(Answer&& other) noexcept {
    std::swap(result_, other.result_);
    return *this;
  }
  ~Answer();

  int rows() const;
  int columns() const;
  bool IsNull(int row, int column) const;
  std::string Text(int row, int column) const;  // "" for a null
  int64_t Number(int row, int column) const;    // 0 for a null
  bool Bool(int row, int column) const { return Text(row, column) == "t"; }
  int64_t affected() const;  // rows that an INSERT, UPDATE, DELETE or COPY touched

  std::string name(int column) const;
  uint32_t type(int column) const;      // its OID
  int type_modifier(int column) const;  // -1: none

 private:
  pg_result* result_;
};

// Used by one thread at a time.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const Options& options, std::stop_token stop);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One statement or several with ';' between them, which are one transaction unless they say
  // otherwise. The answer is that of the last.
  Result<Answer> Run(const std::string& sql, std::stop_token stop);
  // One statement with values.
  Result<Answer> Run(const std::string& sql, const Values& values, std::stop_token stop);
  // The columns that a statement would give; it is not run.
  Result<Answer> Describe(const std::string& sql, std::stop_token stop);

  // COPY … FROM STDIN: Begin, Send as often as needed, End. How many rows the server took.
  Status BeginCopyIn(const std::string& sql, std::stop_token stop);
  Status Send(std::string_view bytes, std::stop_token stop);
  Result<int64_t> EndCopyIn(std::stop_token stop);
  // COPY … TO STDOUT: one message after the other, valid until the next call; nullopt at the end.
  Status BeginCopyOut(const std::string& sql, std::stop_token stop);
  Result<std::optional<std::string_view>> Receive(std::stop_token stop);

  // START_REPLICATION: from here on Send, and ReceiveUntil, which gives an empty message where none
  // came before `wait` was over.
  Status BeginReplication(const std::string& command, std::stop_token stop);
  Result<std::string_view> ReceiveUntil(Micros wait, std::stop_token stop);
  // Tells the server that no more comes, and waits until it has worked off what it was told.
  Status EndReplication(Micros wait, std::stop_token stop);

  bool broken() const { return broken_; }
  bool in_transaction() const;
  int version() const;                                 // 150018 is 15.18
  const std::string& place() const { return place_; }  // "host:5432/database", for messages
  std::string user() const;
  std::string tls() const;  // "TLSv1.3", or "" without

 private:
  explicit Connection(Options options) : options_(std::move(options)) {}
  Status Connect(std::stop_token stop);
  Status Prepare(std::stop_token stop);
  Status Flush(std::stop_token stop);
  Result<Answer> Take(std::stop_token stop);
  Result<pg_result*> Next(std::stop_token stop);
  Status Wait(short events, Micros longest, std::stop_token stop);
  Status Lost();
  Status Begin(const std::string& sql, int status, std::stop_token stop);

  const Options options_;
  pg_conn* conn_ = nullptr;
  std::string place_;
  char* message_ = nullptr;  // of Receive
  bool broken_ = false;
};

// The same place in words, before anything is connected: "db.example.com:5432/crm".
std::string PlaceOf(const Options& options);

}  // namespace millrace::pg
