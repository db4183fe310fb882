#include <nanoarrow/nanoarrow.hpp>

#include <algorithm>

#include "base/text.h"
#include "net/cassandra/call.h"
#include "net/cassandra/cassandra.h"

namespace millrace {

using cassandra::StopHandle;
using cassandra::ToStatus;

namespace cassandra {

Status ToStatus(int kind, McqlError& error, const std::string& servers) {
  if (kind == MCQL_OK) return Status::Ok();
  std::string text = "Cassandra at " + servers + ": " + (error.text ? error.text : "no reason");
  mcql_free_text(error.text);
  error.text = nullptr;
  switch (kind) {
    case MCQL_CANCELED: return Canceled();
    case MCQL_NOT_FOUND: return NotFound(text);
    case MCQL_INVALID: return Invalid(text);
    case MCQL_DENIED:
      return Invalid(text, "check `user` and `password`, and what the user may do (GRANT)");
    case MCQL_INSECURE:
      return Invalid(text,
                     "give the authority's certificate as `tls: {ca_file: …}`; one without the "
                     "server's address needs `verify: certificate`");
    case MCQL_UNAVAILABLE:
      return {Code::kUnavailable, text, "is it up, and are `hosts`, `port` and `tls` right?"};
    default: return Internal(text);
  }
}

}  // namespace cassandra

namespace {

// A cell of the few types that the system's tables have.
std::optional<std::string> Cell(const ArrowArrayView& column, int64_t row) {
  if (ArrowArrayViewIsNull(&column, row)) return std::nullopt;
  if (column.storage_type == NANOARROW_TYPE_STRING) {
    ArrowStringView text = ArrowArrayViewGetStringUnsafe(&column, row);
    return std::string(text.data, static_cast<size_t>(text.size_bytes));
  }
  return std::to_string(ArrowArrayViewGetIntUnsafe(&column, row));
}

Result<CassandraCells> CellsOf(const ArrowSchema& schema, const ArrowArray& array) {
  nanoarrow::UniqueArrayView view;
  if (ArrowArrayViewInitFromSchema(view.get(), &schema, nullptr) != NANOARROW_OK ||
      ArrowArrayViewSetArray(view.get(), &array, nullptr) != NANOARROW_OK) {
    return Internal("rows that are not what their schema says");
  }
  CassandraCells cells(static_cast<size_t>(array.length));
  for (int64_t row = 0; row < array.length; ++row) {
    for (int64_t column = 0; column < schema.n_children; ++column)
      cells[static_cast<size_t>(row)].push_back(Cell(*view->children[column], row));
  }
  return cells;
}

std::vector<std::string> WithPorts(const CassandraOptions& options) {
  std::vector<std::string> hosts;
  for (const std::string& host : options.hosts) {
    bool ipv6 = host.find(':') != host.rfind(':');
    bool has_port = ipv6 ? host.find("]:") != host.npos : host.find(':') != host.npos;
    std::string name = ipv6 && !host.starts_with('[') ? "[" + host + "]" : host;
    hosts.push_back(has_port ? host : name + ":" + std::to_string(options.port));
  }
  return hosts;
}

int64_t Millis(Micros time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

Result<std::shared_ptr<CassandraSession>> CassandraSession::Connect(const CassandraOptions& options,
                                                                    std::stop_token stop) {
  std::vector<std::string> hosts = WithPorts(options);
  std::vector<const char*> pointers;
  for (const std::string& host : hosts) pointers.push_back(host.c_str());
  McqlOptions given{.hosts = pointers.data(),
                    .host_count = static_cast<int32_t>(pointers.size()),
                    .local_dc = options.local_dc.c_str(),
                    .user = options.user.c_str(),
                    .password = options.password.Reveal().c_str(),
                    .tls = options.tls,
                    .ca_file = options.ca_file.c_str(),
                    .cert_file = options.cert_file.c_str(),
                    .key_file = options.key_file.c_str(),
                    .verify = static_cast<int32_t>(options.verify),
                    .connect_timeout_ms = Millis(options.connect_timeout),
                    .request_timeout_ms = Millis(options.request_timeout),
                    .compression = static_cast<int32_t>(options.compression),
                    .connections = options.connections,
                    .threads = options.threads};
  std::string servers = Join(hosts, ", ");
  McqlSession* session = nullptr;
  McqlError error{};
  StopHandle handle(stop);
  TRY(ToStatus(mcql_connect(&given, handle.get(), &session, &error), error, servers));
  return std::shared_ptr<CassandraSession>(new CassandraSession(session, servers));
}

CassandraSession::~CassandraSession() { mcql_close(session_); }

Status CassandraSession::Execute(const std::string& cql, CassandraConsistency consistency,
                                 std::stop_token stop) {
  McqlError error{};
  StopHandle handle(stop);
  return ToStatus(mcql_query(session_, cql.c_str(), static_cast<int32_t>(consistency), handle.get(),
                             nullptr, nullptr, &error),
                  error, servers_);
}

Result<CassandraCells> CassandraSession::Query(const std::string& cql,
                                               CassandraConsistency consistency,
                                               std::stop_token stop) {
  McqlError error{};
  StopHandle handle(stop);
  nanoarrow::UniqueSchema schema;
  nanoarrow::UniqueArray array;
  TRY(ToStatus(mcql_query(session_, cql.c_str(), static_cast<int32_t>(consistency), handle.get(),
                          schema.get(), array.get(), &error),
               error, servers_));
  return CellsOf(*schema.get(), *array.get());
}

Result<bool> CassandraSession::HasKeyspace(const std::string& keyspace, std::stop_token stop) {
  CassandraCells rows = TRY(Query(
      "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = " +
          SqlLiteral(keyspace),
      CassandraConsistency::kLocalOne, stop));
  return !rows.empty();
}

Result<std::optional<CassandraTable>> CassandraSession::Describe(const std::string& keyspace,
                                                                 const std::string& table,
                                                                 std::stop_token stop) {
  auto where = [&](const char* name) {
    return " WHERE keyspace_name = " + SqlLiteral(keyspace) + " AND " + name + " = " +
           SqlLiteral(table);
  };
  constexpr auto kOne = CassandraConsistency::kLocalOne;
  CassandraCells ids =
      TRY(Query("SELECT id FROM system_schema.tables" + where("table_name"), kOne, stop));
  if (ids.empty())
    ids = TRY(Query("SELECT id FROM system_schema.views" + where("view_name"), kOne, stop));
  if (ids.empty()) return std::optional<CassandraTable>();
  CassandraTable found{.keyspace = keyspace, .name = table, .id = ids[0][0].value_or("")};
  for (const auto& row : TRY(Query("SELECT column_name, type, kind, position FROM "
                                   "system_schema.columns" +
                                       where("table_name"),
                                   kOne, stop))) {
    found.columns.push_back({.name = row[0].value_or(""),
                             .type = row[1].value_or(""),
                             .kind = row[2].value_or(""),
                             .position = std::atoi(row[3].value_or("0").c_str())});
  }
  auto rank = [](const CassandraColumn& column) {
    int part = column.kind == "partition_key" ? 0 : column.kind == "clustering" ? 1 : 2;
    return std::pair(part, part == 2 ? 0 : column.position);
  };
  std::stable_sort(found.columns.begin(), found.columns.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return std::optional<CassandraTable>(std::move(found));
}

std::string CassandraTable::ToCql() const { return SqlName(keyspace) + "." + SqlName(name); }

std::string CassandraTable::ToString() const { return keyspace + "." + name; }

std::vector<std::string> CassandraTable::KeyNames() const {
  std::vector<std::string> names;
  for (const CassandraColumn& column : columns) {
    if (column.kind == "partition_key" || column.kind == "clustering") names.push_back(column.name);
  }
  return names;
}

const CassandraColumn* CassandraTable::Find(std::string_view wanted) const {
  const CassandraColumn* near = nullptr;
  for (const CassandraColumn& column : columns) {
    if (column.name == wanted) return &column;
    if (ToLower(column.name) == ToLower(wanted)) near = &column;
  }
  return near;
}

}  // namespace millrace
