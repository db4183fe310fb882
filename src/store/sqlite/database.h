// One SQLite connection: prepared statements kept, transactions that roll back, errors as Status.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace millrace::sqlite {

// A statement in use; back among the kept ones when destroyed. Columns count from 0.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* handle) : db_(db), handle_(handle) {}
  ~Statement();
  Statement(Statement&& other) noexcept
      : db_(other.db_), handle_(other.handle_), bound_(other.bound_) {
    other.handle_ = nullptr;
  }
  Statement(const Statement&) = delete;

  // The next parameter.
  void Bind(std::string_view value);
  void Bind(const char* value) { Bind(std::string_view(value)); }
  void Bind(const std::string& value) { Bind(std::string_view(value)); }
  void Bind(int64_t value);
  void Bind(int value) { Bind(int64_t{value}); }
  void Bind(bool value) { Bind(int64_t{value}); }
  void Bind(double value);
  void Bind(Time value) { Bind(int64_t{value.time_since_epoch().count()}); }
  void BindNull();
  template <class T>
  void Bind(const std::optional<T>& value) {
    if (value)
      Bind(*value);
    else
      BindNull();
  }

  // True: there is a row. False: it is done.
  Result<bool> Step();

  std::string Text(int column) const;
  int64_t Int(int column) const;
  bool Bool(int column) const { return Int(column) != 0; }
  double Double(int column) const;
  Time When(int column) const { return Time(Micros(Int(column))); }
  bool IsNull(int column) const;
  std::optional<Time> MaybeWhen(int column) const {
    return IsNull(column) ? std::nullopt : std::optional(When(column));
  }

 private:
  sqlite3* db_;
  sqlite3_stmt* handle_;
  int bound_ = 0;
};

// Not thread-safe: its owner has a mutex.
class Database {
 public:
  // Immutable: on a medium that cannot be written, where nobody else writes either.
  enum class Access { kReadWrite, kReadOnly, kImmutable };
  static Result<std::unique_ptr<Database>> Open(const std::string& path, Access access);
  ~Database();
  Database(const Database&) = delete;

  // `sql` is a literal: it is compiled once and kept.
  template <class... Values>
  Result<Statement> Query(const char* sql, const Values&... values) {
    Statement statement = TRY(Prepare(sql));
    (statement.Bind(values), ...);
    return statement;
  }
  // Runs to the end; returns how many rows it changed.
  template <class... Values>
  Result<int64_t> Run(const char* sql, const Values&... values) {
    Statement statement = TRY(Query(sql, values...));
    while (TRY(statement.Step())) {
    }
    return Changes();
  }
  // Several statements, without parameters.
  Status Script(const std::string& sql);

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Result<Statement> Prepare(const char* sql);
  int64_t Changes() const;

  sqlite3* handle_;
  std::map<std::string_view, sqlite3_stmt*> kept_;
};

// Process: survives a kill. Power: is on the disk when Commit returns.
enum class Durable { kProcess, kPower };

// All or nothing: rolled back unless Commit() was called.
class Transaction {
 public:
  static Result<Transaction> Begin(Database& database, Durable durable = Durable::kProcess);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction(const Transaction&) = delete;
  Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace millrace::sqlite
