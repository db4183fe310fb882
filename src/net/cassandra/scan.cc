#include <nanoarrow/nanoarrow.hpp>

#include "base/hash.h"
#include "net/cassandra/call.h"
#include "net/cassandra/cassandra.h"

namespace millrace {

using cassandra::StopHandle;
using cassandra::ToStatus;

struct CassandraScan::Handle {
  std::shared_ptr<CassandraSession> session;
  McqlScan* scan = nullptr;
  nanoarrow::UniqueSchema schema;
  bool told_columns = false;
  ~Handle() { mcql_scan_close(scan); }
};

CassandraScan::CassandraScan(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
CassandraScan::~CassandraScan() = default;

Result<std::unique_ptr<CassandraScan>> CassandraScan::Open(
    std::shared_ptr<CassandraSession> session, const CassandraScanOptions& options,
    std::stop_token stop) {
  auto millis = [](Micros time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  McqlScanOptions given{.cql = options.cql.c_str(),
                        .ranges = options.ranges,
                        .parallel = options.parallel,
                        .page_rows = options.page,
                        .consistency = static_cast<int32_t>(options.consistency),
                        .retries = options.retry.most,
                        .first_pause_ms = millis(options.retry.first_pause),
                        .longest_pause_ms = millis(options.retry.longest_pause)};
  auto handle = std::make_unique<Handle>();
  handle->session = std::move(session);
  McqlError error{};
  StopHandle stopping(stop);
  TRY(ToStatus(mcql_scan_open(handle->session->get(), &given, stopping.get(), &handle->scan,
                              handle->schema.get(), &error),
               error, handle->session->servers()));
  return std::unique_ptr<CassandraScan>(new CassandraScan(std::move(handle)));
}

Result<std::optional<Rows>> CassandraScan::Next(std::stop_token stop) {
  nanoarrow::UniqueArray array;
  McqlError error{};
  StopHandle stopping(stop);
  TRY(ToStatus(mcql_scan_next(handle_->scan, stopping.get(), array.get(), &error), error,
               handle_->session->servers()));
  nanoarrow::UniqueSchema schema;
  if (ArrowSchemaDeepCopy(handle_->schema.get(), schema.get()) != NANOARROW_OK)
    return Status(Code::kExhausted, "no memory for rows of Cassandra");
  if (array->release == nullptr) {
    if (handle_->told_columns) return std::optional<Rows>();
    if (ArrowArrayInitFromSchema(array.get(), schema.get(), nullptr) != NANOARROW_OK ||
        ArrowArrayStartAppending(array.get()) != NANOARROW_OK ||
        ArrowArrayFinishBuildingDefault(array.get(), nullptr) != NANOARROW_OK) {
      return Status(Code::kExhausted, "no memory for rows of Cassandra");
    }
  }
  handle_->told_columns = true;
  return std::optional<Rows>(Rows::Adopt(schema.get(), array.get()));
}

std::string CassandraScan::Digest() const {
  uint8_t digest[16];
  int64_t count = 0;
  mcql_scan_digest(handle_->scan, digest, &count);
  return HexOf({reinterpret_cast<const char*>(digest), sizeof digest});
}

int64_t CassandraScan::rows() const {
  uint8_t digest[16];
  int64_t count = 0;
  mcql_scan_digest(handle_->scan, digest, &count);
  return count;
}

}  // namespace millrace
