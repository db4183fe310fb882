#include "net/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>
#include <utility>

#include "net/postgres/errors.h"
#include "net/postgres/resolve.h"

namespace millrace::pg {

namespace {

using Clock = std::chrono::steady_clock;

constexpr Micros kSlice = std::chrono::milliseconds(100);  // between two looks at the stop token

const char* NameOf(TlsMode mode) {
  switch (mode) {
    case TlsMode::kDisable: return "disable";
    case TlsMode::kAllow: return "allow";
    case TlsMode::kPrefer: return "prefer";
    case TlsMode::kRequire: return "require";
    case TlsMode::kVerifyCa: return "verify-ca";
    case TlsMode::kVerifyFull: return "verify-full";
  }
  return "prefer";
}

using Parameters = std::map<std::string, std::string>;

// The words of the URL; empty where it is none.
Parameters ParseUrl(const Secret& url) {
  Parameters parameters;
  PQconninfoOption* all = PQconninfoParse(url.Reveal().c_str(), nullptr);
  for (PQconninfoOption* each = all; each && each->keyword; ++each) {
    if (each->val) parameters[each->keyword] = each->val;
  }
  PQconninfoFree(all);
  // An '@' of the password that is not written %40 makes its end the host: it must not be shown.
  if (parameters["host"].find('@') != std::string::npos) return {};
  if (parameters["host"].empty()) parameters.erase("host");
  return parameters;
}

// As libpq takes them, without what follows from the defaults of the machine.
Parameters ParametersOf(const Options& options) {
  Parameters parameters = ParseUrl(options.url);
  auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) parameters[key] = value;
  };
  set("host", options.host);
  if (options.port) set("port", std::to_string(options.port));
  set("dbname", options.database);
  set("user", options.user);
  set("password", options.password.Reveal());
  set("sslrootcert", options.ca_file);
  set("sslcert", options.cert_file);
  set("sslkey", options.key_file);
  if (options.tls)
    set("sslmode", NameOf(*options.tls));
  else if (!options.ca_file.empty())
    parameters.emplace("sslmode", "verify-full");
  parameters["application_name"] = options.application;
  parameters["client_encoding"] = "UTF8";
  // A peer whose machine is gone is noticed, too.
  auto idle = std::chrono::duration_cast<std::chrono::seconds>(options.read_timeout).count();
  parameters.emplace("keepalives_idle", std::to_string(std::clamp<int64_t>(idle, 5, 60)));
  parameters.emplace("keepalives_interval", "5");
  parameters.emplace("keepalives_count", "4");
  if (options.replication) parameters["replication"] = "database";
  return parameters;
}

Status Timeout(const std::string& place, Micros longest) {
  return {Code::kUnavailable, place + " did not answer for " + FormatDuration(longest),
          "raise `read_timeout` if it needs that long"};
}

}  // namespace

std::string PlaceOf(const Options& options) {
  Parameters parameters = ParametersOf(options);
  auto of = [&](const char* key, const char* otherwise) {
    auto found = parameters.find(key);
    return found == parameters.end() ? std::string(otherwise) : found->second;
  };
  std::string database = of("dbname", "");
  return of("host", "localhost") + ":" + of("port", "5432") +
         (database.empty() ? "" : "/" + database);
}

Answer::~Answer() { PQclear(result_); }
int Answer::rows() const { return PQntuples(result_); }
int Answer::columns() const { return PQnfields(result_); }
bool Answer::IsNull(int row, int column) const { return PQgetisnull(result_, row, column) != 0; }
std::string Answer::Text(int row, int column) const {
  return {PQgetvalue(result_, row, column), static_cast<size_t>(PQgetlength(result_, row, column))};
}
int64_t Answer::Number(int row, int column) const {
  return std::strtoll(PQgetvalue(result_, row, column), nullptr, 10);
}
int64_t Answer::affected() const { return std::strtoll(PQcmdTuples(result_), nullptr, 10); }
std::string Answer::name(int column) const { return PQfname(result_, column); }
uint32_t Answer::type(int column) const { return PQftype(result_, column); }
int Answer::type_modifier(int column) const { return PQfmod(result_, column); }

Result<std::unique_ptr<Connection>> Connection::Open(const Options& options, std::stop_token stop) {
  if (!options.url.empty() && ParseUrl(options.url).empty()) {
    return Invalid(
        "`url` is no address of a PostgreSQL server",
        "write postgresql://USER:PASSWORD@HOST:5432/DATABASE, special characters as %XX");
  }
  std::unique_ptr<Connection> connection(new Connection(options));
  connection->place_ = PlaceOf(options);
  TRY(connection->Connect(stop));
  TRY(connection->Prepare(stop));
  return connection;
}

Connection::~Connection() {
  PQfreemem(message_);
  PQfinish(conn_);
}

Status Connection::Connect(std::stop_token stop) {
  Parameters parameters = ParametersOf(options_);
  TRY(ResolveHost(parameters, place_, options_.connect_timeout, stop));
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : parameters) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  auto end = Clock::now() + options_.connect_timeout;
  conn_ = PQconnectStartParams(keys.data(), values.data(), 0);
  if (!conn_) return {Code::kExhausted, "no memory for a connection"};
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;) {
    if (next == PGRES_POLLING_FAILED || PQstatus(conn_) == CONNECTION_BAD)
      return ExplainConnect(PQerrorMessage(conn_), place_, options_);
    if (stop.stop_requested()) return Canceled();
    if (Clock::now() > end) {
      return {Code::kUnavailable,
              place_ + " did not take the connection within " +
                  FormatDuration(options_.connect_timeout),
              "see that it can be reached from here, or raise `connect_timeout`"};
    }
    pollfd fd{.fd = PQsocket(conn_),
              .events = static_cast<short>(next == PGRES_POLLING_READING ? POLLIN : POLLOUT)};
    if (::poll(&fd, 1, 100) > 0) next = PQconnectPoll(conn_);
  }
  PQsetnonblocking(conn_, 1);
  PQsetNoticeProcessor(
      conn_, [](void*, const char*) {}, nullptr);
  return Status::Ok();
}

// What values look like must not depend on the server's or the user's settings. A transaction that
// waits for its commit is ours to end, and a commit that was answered must last.
Status Connection::Prepare(std::stop_token stop) {
  auto lock = std::chrono::duration_cast<std::chrono::milliseconds>(options_.lock_timeout).count();
  std::string sql =
      "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'postgres'; "
      "SET extra_float_digits = 1; SET bytea_output = 'hex'; "
      "SET idle_in_transaction_session_timeout = 0; SET lock_timeout = " +
      std::to_string(lock);
  if (version() >= 140000) sql += "; SET client_connection_check_interval = '1s'";
  sql +=
      "; SELECT set_config('synchronous_commit', 'on', false) "
      "WHERE current_setting('synchronous_commit') = 'off'";
  Result<Answer> answer = Run(sql, stop);
  return answer.ok() ? Status::Ok() : answer.status();
}

bool Connection::in_transaction() const {
  PGTransactionStatusType status = PQtransactionStatus(conn_);
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}
int Connection::version() const { return PQserverVersion(conn_); }
std::string Connection::user() const { return PQuser(conn_); }
std::string Connection::tls() const {
  const char* protocol = PQsslInUse(conn_) ? PQsslAttribute(conn_, "protocol") : nullptr;
  return protocol ? protocol : "";
}

Status Connection::Lost() {
  broken_ = true;
  std::string words = conn_ ? PQerrorMessage(conn_) : "";
  size_t line = words.find('\n');
  return {Code::kUnavailable,
          "the connection to " + place_ + " was lost: " + words.substr(0, line)};
}

Status Connection::Wait(short events, Micros longest, std::stop_token stop) {
  auto end = Clock::now() + longest;
  for (;;) {
    if (stop.stop_requested()) {
      broken_ = true;
      return Canceled();
    }
    pollfd fd{.fd = PQsocket(conn_), .events = events};
    int ready = ::poll(&fd, 1, static_cast<int>(kSlice / std::chrono::milliseconds(1)));
    if (ready > 0) return Status::Ok();
    if (ready < 0 && errno != EINTR) return Lost();
    if (Clock::now() <= end) continue;
    broken_ = true;
    return Timeout(place_, longest);
  }
}

Status Connection::Flush(std::stop_token stop) {
  for (;;) {
    int left = PQflush(conn_);
    if (left < 0) return Lost();
    if (left == 0) return Status::Ok();
    TRY(Wait(POLLIN | POLLOUT, options_.read_timeout, stop));
    // A server that has something to say must be able to, or both wait for each other.
    if (PQconsumeInput(conn_) == 0) return Lost();
  }
}

// The next result, or null when the statement is done.
Result<pg_result*> Connection::Next(std::stop_token stop) {
  TRY(Flush(stop));
  while (PQisBusy(conn_)) {
    TRY(Wait(POLLIN, options_.read_timeout, stop));
    if (PQconsumeInput(conn_) == 0) return Lost();
  }
  return PQgetResult(conn_);
}

Result<Answer> Connection::Take(std::stop_token stop) {
  std::optional<Answer> last;
  Status failed;
  while (pg_result* result = TRY(Next(stop))) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR) {
      if (failed.ok()) failed = ExplainSql(result, place_);
      PQclear(result);
    } else {
      last.emplace(result);
    }
  }
  if (PQstatus(conn_) == CONNECTION_BAD) {
    broken_ = true;
    // The server's own words on why it hangs up say more.
    if (failed.ok() || failed.message().find("[]") != std::string::npos) return Lost();
  }
  if (!failed.ok()) return failed;
  if (!last) return Internal("a statement without an answer");
  return *std::move(last);
}

Result<Answer> Connection::Run(const std::string& sql, std::stop_token stop) {
  if (!PQsendQuery(conn_, sql.c_str())) return Lost();
  return Take(stop);
}

Result<Answer> Connection::Run(const std::string& sql, const Values& values, std::stop_token stop) {
  std::vector<const char*> texts;
  for (const auto& value : values) texts.push_back(value ? value->c_str() : nullptr);
  if (!PQsendQueryParams(conn_, sql.c_str(), static_cast<int>(texts.size()), nullptr, texts.data(),
                         nullptr, nullptr, 0))
    return Lost();
  return Take(stop);
}

Result<Answer> Connection::Describe(const std::string& sql, std::stop_token stop) {
  if (!PQsendPrepare(conn_, "", sql.c_str(), 0, nullptr)) return Lost();
  TRY(Take(stop));
  if (!PQsendDescribePrepared(conn_, "")) return Lost();
  return Take(stop);
}

Status Connection::Begin(const std::string& sql, int wanted, std::stop_token stop) {
  if (!PQsendQuery(conn_, sql.c_str())) return Lost();
  pg_result* result = TRY(Next(stop));
  if (!result) return Lost();
  Answer answer(result);
  int status = PQresultStatus(result);
  if (status == wanted) return Status::Ok();
  Status failed = status == PGRES_FATAL_ERROR
                      ? ExplainSql(result, place_)
                      : Internal("the server answered a COPY with something else");
  Result<Answer> rest = Take(stop);  // it is done only when all of it was taken
  if (broken_ && !rest.ok() && failed.message().find("[]") != std::string::npos)
    return rest.status();
  return failed;
}

Status Connection::BeginCopyIn(const std::string& sql, std::stop_token stop) {
  return Begin(sql, PGRES_COPY_IN, stop);
}
Status Connection::BeginCopyOut(const std::string& sql, std::stop_token stop) {
  return Begin(sql, PGRES_COPY_OUT, stop);
}
Status Connection::BeginReplication(const std::string& command, std::stop_token stop) {
  return Begin(command, PGRES_COPY_BOTH, stop);
}

Status Connection::Send(std::string_view bytes, std::stop_token stop) {
  for (;;) {
    int taken = PQputCopyData(conn_, bytes.data(), static_cast<int>(bytes.size()));
    if (taken < 0) return Lost();
    // Sent before more is taken: libpq's buffer would grow without a bound.
    TRY(Flush(stop));
    if (taken > 0) return Status::Ok();
  }
}

Result<int64_t> Connection::EndCopyIn(std::stop_token stop) {
  for (;;) {
    int taken = PQputCopyEnd(conn_, nullptr);
    if (taken < 0) return Lost();
    TRY(Flush(stop));
    if (taken > 0) break;
  }
  return TRY(Take(stop)).affected();
}

Result<std::optional<std::string_view>> Connection::Receive(std::stop_token stop) {
  PQfreemem(std::exchange(message_, nullptr));
  for (;;) {
    int size = PQgetCopyData(conn_, &message_, 1);
    if (size > 0) return std::optional(std::string_view(message_, static_cast<size_t>(size)));
    if (size == -2) return Lost();
    if (size == -1) {
      TRY(Take(stop));
      return std::optional<std::string_view>();
    }
    TRY(Wait(POLLIN, options_.read_timeout, stop));
    if (PQconsumeInput(conn_) == 0) return Lost();
  }
}

Result<std::string_view> Connection::ReceiveUntil(Micros wait, std::stop_token stop) {
  PQfreemem(std::exchange(message_, nullptr));
  auto end = Clock::now() + wait;
  for (;;) {
    int size = PQgetCopyData(conn_, &message_, 1);
    if (size > 0) return std::string_view(message_, static_cast<size_t>(size));
    if (size < 0) {
      Result<Answer> why = Take(stop);
      broken_ = true;
      return why.ok() ? Lost() : why.status();
    }
    if (stop.stop_requested()) return Canceled();  // between messages: nothing is broken
    auto left = std::chrono::duration_cast<Micros>(end - Clock::now());
    if (left <= Micros(0)) return std::string_view();
    pollfd fd{.fd = PQsocket(conn_), .events = POLLIN};
    int ready =
        ::poll(&fd, 1, static_cast<int>(std::min(left, kSlice) / std::chrono::milliseconds(1)) + 1);
    if (ready < 0 && errno != EINTR) return Lost();
    if (ready > 0 && PQconsumeInput(conn_) == 0) return Lost();
  }
}

Status Connection::EndReplication(Micros wait, std::stop_token stop) {
  broken_ = true;  // nothing else is asked of it
  if (PQputCopyEnd(conn_, nullptr) < 0) return Lost();
  TRY(Flush(stop));
  auto end = Clock::now() + wait;
  while (Clock::now() < end && !stop.stop_requested()) {
    PQfreemem(std::exchange(message_, nullptr));
    int size = PQgetCopyData(conn_, &message_, 1);
    if (size < 0) return Status::Ok();
    pollfd fd{.fd = PQsocket(conn_), .events = POLLIN};
    if (size == 0 && ::poll(&fd, 1, 50) > 0 && PQconsumeInput(conn_) == 0) return Lost();
  }
  return Status::Ok();
}

}  // namespace millrace::pg
