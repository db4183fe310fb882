#include "store/sqlite/database.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

namespace millrace::sqlite {

namespace {

// Waiting for another process's transaction, which takes a few milliseconds, is not worth an error.
constexpr int kBusyMillis = 10'000;

Status FromSqlite(sqlite3* db, int code, std::string_view what) {
  std::string message = std::string(what) + ": " + (db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  int system = db ? sqlite3_system_errno(db) : 0;
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kUnavailable, message, "another process holds the store: try again"};
    case SQLITE_FULL: return {Code::kExhausted, message, "free some disk space"};
    case SQLITE_IOERR:
      if (system == ENOSPC || system == EDQUOT)
        return {Code::kExhausted, message, "free some disk space"};
      return {Code::kUnavailable, message};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      if (system != 0) return FromErrno(message, system);
      return Invalid(message, "look at the owner and the mode of the store's file and folder");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return Invalid(
          message,
          "the file is damaged or not a store: restore it, or move it away and start a new one");
    default: return Internal(message);
  }
}

// The path as a file: URI, which is the only place for `immutable`.
std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (char c : path) {
    if (c == '?')
      uri += "%3f";
    else if (c == '#')
      uri += "%23";
    else if (c == '%')
      uri += "%25";
    else
      uri += c;
  }
  return uri + "?immutable=1";
}

}  // namespace

Statement::~Statement() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

void Statement::Bind(std::string_view value) {
  sqlite3_bind_text64(handle_, ++bound_, value.data() ? value.data() : "", value.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
}
void Statement::Bind(int64_t value) { sqlite3_bind_int64(handle_, ++bound_, value); }
void Statement::Bind(double value) { sqlite3_bind_double(handle_, ++bound_, value); }
void Statement::BindNull() { sqlite3_bind_null(handle_, ++bound_); }

Result<bool> Statement::Step() {
  int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return FromSqlite(db_, code, "store");
}

std::string Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(handle_, column);
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
}
int64_t Statement::Int(int column) const { return sqlite3_column_int64(handle_, column); }
double Statement::Double(int column) const { return sqlite3_column_double(handle_, column); }
bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Access access) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
              (access == Access::kReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  if (access == Access::kImmutable) flags |= SQLITE_OPEN_URI;
  std::string name = access == Access::kImmutable ? ImmutableUri(path) : path;
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (code != SQLITE_OK) return FromSqlite(handle, code, "store " + path);
  sqlite3_busy_timeout(handle, kBusyMillis);
  Status status = database->Script("PRAGMA foreign_keys = ON");
  if (!status.ok()) return status.In("store " + path);
  return database;
}

Database::~Database() {
  for (auto& [sql, statement] : kept_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Result<Statement> Database::Prepare(const char* sql) {
  auto found = kept_.find(sql);
  if (found == kept_.end()) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return FromSqlite(handle_, code, "store");
    found = kept_.emplace(sql, statement).first;
  }
  return Statement(handle_, found->second);
}

int64_t Database::Changes() const { return sqlite3_changes64(handle_); }

Status Database::Script(const std::string& sql) {
  int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status::Ok() : FromSqlite(handle_, code, "store");
}

Result<Transaction> Transaction::Begin(Database& database, Durable durable) {
  // The setting belongs to the connection, cannot change inside a transaction, and costs a
  // microsecond.
  TRY(database.Script(durable == Durable::kPower ? "PRAGMA synchronous = FULL"
                                                 : "PRAGMA synchronous = NORMAL"));
  TRY(database.Run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) (void)database_->Run("ROLLBACK");
}

Status Transaction::Commit() {
  TRY(database_->Run("COMMIT"));
  database_ = nullptr;
  return Status::Ok();
}

}  // namespace millrace::sqlite
