// How a PostgreSQL server is reached: the fields of a connection.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/secret.h"
#include "base/time.h"

namespace millrace::pg {

// As libpq's sslmode: https://www.postgresql.org/docs/15/libpq-ssl.html
enum class TlsMode { kDisable, kAllow, kPrefer, kRequire, kVerifyCa, kVerifyFull };

struct Options {
  Secret url;  // postgresql://user:password@host:5432/database?…; the fields below are stronger
  std::string
      host;      // a name, an address, or the folder of a socket; empty: PGHOST, else this machine
  int port = 0;  // 0: PGPORT, else 5432
  std::string database, user;  // empty: PGDATABASE, PGUSER
  Secret password;             // empty: PGPASSWORD, ~/.pgpass
  std::optional<TlsMode> tls;  // absent: verify-full where ca_file is given, else prefer
  std::string ca_file, cert_file, key_file;  // PEM

  Micros connect_timeout{std::chrono::seconds(10)};
  Micros read_timeout{std::chrono::minutes(10)};  // longest silence of a server that was asked
  Micros lock_timeout{std::chrono::minutes(1)};   // longest wait for a lock of somebody else
  std::string application = "millrace";           // as pg_stat_activity shows it
  bool replication = false;                       // speaks the replication protocol, too
};

}  // namespace millrace::pg
