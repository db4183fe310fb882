#include <nanoarrow/nanoarrow.hpp>

#include "net/cassandra/call.h"
#include "net/cassandra/cassandra.h"

namespace millrace {

using cassandra::StopHandle;
using cassandra::ToStatus;

namespace {

int64_t Millis(Micros time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

// A shallow copy that keeps the rows alive until it is released.
ArrowArray Share(const Rows& rows) {
  ArrowArray shared = *rows.array();
  shared.private_data = new Rows(rows);
  shared.release = [](ArrowArray* array) {
    delete static_cast<Rows*>(array->private_data);
    array->release = nullptr;
  };
  return shared;
}

McqlStatement Given(const CassandraStatement& statement) {
  return {.cql = statement.cql.c_str(),
          .values = statement.values.data(),
          .value_count = static_cast<int32_t>(statement.values.size())};
}

Result<std::vector<CassandraMisfit>> MisfitsOf(const ArrowSchema& schema, const ArrowArray& array) {
  nanoarrow::UniqueArrayView view;
  if (ArrowArrayViewInitFromSchema(view.get(), &schema, nullptr) != NANOARROW_OK ||
      ArrowArrayViewSetArray(view.get(), &array, nullptr) != NANOARROW_OK) {
    return Internal("rows that are not what their schema says");
  }
  std::vector<CassandraMisfit> misfits;
  auto text = [&](int column, int64_t row) {
    ArrowStringView view_of = ArrowArrayViewGetStringUnsafe(view->children[column], row);
    return std::string(view_of.data, static_cast<size_t>(view_of.size_bytes));
  };
  for (int64_t row = 0; row < array.length; ++row) {
    int64_t number = ArrowArrayViewGetIntUnsafe(view->children[0], row);
    misfits.push_back({.row = number, .column = text(1, row), .reason = text(2, row)});
  }
  return misfits;
}

}  // namespace

struct CassandraWriter::Handle {
  std::shared_ptr<CassandraSession> session;
  McqlWriter* writer = nullptr;
  ~Handle() { mcql_writer_close(writer); }
};

CassandraWriter::CassandraWriter(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
CassandraWriter::~CassandraWriter() = default;

Result<std::unique_ptr<CassandraWriter>> CassandraWriter::Open(
    std::shared_ptr<CassandraSession> session, const CassandraWriterOptions& options,
    const Rows& like, std::stop_token stop) {
  McqlWriterOptions given{
      .upsert = Given(options.upsert),
      .remove = options.remove ? Given(*options.remove) : McqlStatement{.cql = ""},
      .remove_column = options.remove_column,
      .keys = options.keys.data(),
      .key_count = static_cast<int32_t>(options.keys.size()),
      .skip_nulls = options.skip_nulls,
      .repeatable = options.repeatable,
      .consistency = static_cast<int32_t>(options.consistency),
      .in_flight = options.in_flight,
      .batch_rows = options.batch_rows,
      .retries = options.retry.most,
      .first_pause_ms = Millis(options.retry.first_pause),
      .longest_pause_ms = Millis(options.retry.longest_pause),
      .speculative_after_ms = options.speculative_after ? Millis(*options.speculative_after) : 0,
      .speculative_most = options.speculative_most};
  auto handle = std::make_unique<Handle>();
  handle->session = std::move(session);
  McqlError error{};
  StopHandle stopping(stop);
  TRY(ToStatus(mcql_writer_open(handle->session->get(), &given, like.schema(), stopping.get(),
                                &handle->writer, &error),
               error, handle->session->servers()));
  return std::unique_ptr<CassandraWriter>(new CassandraWriter(std::move(handle)));
}

Result<std::vector<CassandraMisfit>> CassandraWriter::Write(const Rows& rows,
                                                            int64_t first_timestamp,
                                                            std::stop_token stop) {
  ArrowArray array = Share(rows);
  nanoarrow::UniqueSchema schema;
  nanoarrow::UniqueArray misfits;
  McqlError error{};
  StopHandle stopping(stop);
  TRY(ToStatus(mcql_write(handle_->writer, &array, first_timestamp, stopping.get(), schema.get(),
                          misfits.get(), &error),
               error, handle_->session->servers()));
  if (misfits->length == 0) return std::vector<CassandraMisfit>();
  return MisfitsOf(*schema.get(), *misfits.get());
}

Result<int64_t> CassandraWriter::Flush(std::stop_token stop) {
  int64_t repeated = 0;
  McqlError error{};
  StopHandle stopping(stop);
  TRY(ToStatus(mcql_flush(handle_->writer, stopping.get(), &repeated, &error), error,
               handle_->session->servers()));
  return repeated;
}

}  // namespace millrace
