#include "engine/duckdb/bound_rows.h"

#include <duckdb.h>
#include <nanoarrow/nanoarrow.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/duckdb/errors.h"

namespace millrace::duck {

struct BoundRows::Entry {
  std::unique_ptr<RowReader> reader;
  std::stop_token stop;
  Rows first;  // its schema describes all
  std::mutex mutex;
  bool taken = false;  // a scan has begun
  Status failure;
};

namespace {

Status Take(duckdb_error_data error) {
  Status status;
  if (error != nullptr && duckdb_error_data_has_error(error)) {
    status = ToStatus(ParseEngineError(duckdb_error_data_message(error)));
  }
  duckdb_destroy_error_data(&error);
  return status;
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

struct Chunk {
  duckdb_data_chunk handle = nullptr;
  Chunk() = default;
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() { duckdb_destroy_data_chunk(&handle); }
};

// Arrow batches → chunks of one connection.
class Converter {
 public:
  ~Converter() { duckdb_destroy_arrow_converted_schema(&schema_); }

  Status Open(duckdb_connection connection, const Rows& like) {
    connection_ = connection;
    return Take(
        duckdb_schema_from_arrow(connection, const_cast<ArrowSchema*>(like.schema()), &schema_));
  }
  Status Convert(const Rows& rows, Chunk& chunk) {
    duckdb_destroy_data_chunk(&chunk.handle);
    ArrowArray shared = Share(rows);
    Status status =
        Take(duckdb_data_chunk_from_arrow(connection_, &shared, schema_, &chunk.handle));
    if (shared.release != nullptr) shared.release(&shared);
    return status;
  }

 private:
  duckdb_connection connection_ = nullptr;
  duckdb_arrow_converted_schema schema_ = nullptr;
};

struct Registration {  // the extra info of the function
  BoundRows* rows;
  duckdb_connection connection;  // for conversions
};

struct BindData {
  std::shared_ptr<BoundRows::Entry> entry;
};

struct Scan {
  std::shared_ptr<BoundRows::Entry> entry;
  Converter converter;
  Chunk chunk;  // of the current batch
  duckdb_selection_vector all = nullptr;
  idx_t all_size = 0, size = 0, done = 0;
  bool first = true;
  std::vector<idx_t> columns;  // projected

  ~Scan() {
    if (all != nullptr) duckdb_destroy_selection_vector(all);
  }

  Status NextBatch() {
    while (done == size) {
      std::optional<Rows> rows;
      if (std::exchange(first, false)) {
        rows = std::exchange(entry->first, Rows());
      } else {
        rows = TRY(entry->reader->Next(entry->stop));
      }
      if (!rows) return Status::Ok();
      done = 0;
      size = static_cast<idx_t>(rows->count());
      if (size > 0) TRY(converter.Convert(*rows, chunk));
    }
    return Status::Ok();
  }

  void Emit(duckdb_data_chunk output) {
    idx_t count = std::min(duckdb_vector_size(), size - done);
    for (idx_t i = 0; i < columns.size(); ++i) {
      duckdb_vector to = duckdb_data_chunk_get_vector(output, i);
      duckdb_vector from = duckdb_data_chunk_get_vector(chunk.handle, columns[i]);
      if (done == 0 && count == size) {
        duckdb_vector_reference_vector(to, from);
      } else {
        duckdb_vector_copy_sel(from, to, Everything(), done + count, done, 0);
      }
    }
    duckdb_data_chunk_set_size(output, count);
    done += count;
  }

  duckdb_selection_vector Everything() {
    if (all_size < size) {
      if (all != nullptr) duckdb_destroy_selection_vector(all);
      all = duckdb_create_selection_vector(size);
      all_size = size;
      sel_t* positions = duckdb_selection_vector_get_data_ptr(all);
      for (idx_t i = 0; i < size; ++i) positions[i] = static_cast<sel_t>(i);
    }
    return all;
  }
};

Status BindColumns(duckdb_bind_info info, Registration& registration, BoundRows::Entry& entry) {
  Converter converter;
  TRY(converter.Open(registration.connection, entry.first));
  Chunk chunk;
  TRY(converter.Convert(entry.first, chunk));
  const ArrowSchema* schema = entry.first.schema();
  for (int64_t i = 0; i < schema->n_children; ++i) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk.handle, static_cast<idx_t>(i));
    duckdb_logical_type type = duckdb_vector_get_column_type(vector);
    duckdb_bind_add_result_column(info, schema->children[i]->name, type);
    duckdb_destroy_logical_type(&type);
  }
  return Status::Ok();
}

void Bind(duckdb_bind_info info) {
  auto& registration = *static_cast<Registration*>(duckdb_bind_get_extra_info(info));
  duckdb_value argument = duckdb_bind_get_parameter(info, 0);
  int64_t id = duckdb_get_int64(argument);
  duckdb_destroy_value(&argument);
  std::shared_ptr<BoundRows::Entry> entry = registration.rows->Find(id);
  if (entry == nullptr) return duckdb_bind_set_error(info, "these rows are not bound any more");
  std::lock_guard lock(entry->mutex);
  if (entry->taken) {
    return duckdb_bind_set_error(
        info, "the rows were read already: they can be read once; materialize them first");
  }
  Status status = BindColumns(info, registration, *entry);
  if (!status.ok()) return duckdb_bind_set_error(info, status.message().c_str());
  duckdb_bind_set_bind_data(info, new BindData{std::move(entry)},
                            [](void* data) { delete static_cast<BindData*>(data); });
}

void Init(duckdb_init_info info) {
  auto& registration = *static_cast<Registration*>(duckdb_init_get_extra_info(info));
  auto scan = std::make_unique<Scan>();
  scan->entry = static_cast<BindData*>(duckdb_init_get_bind_data(info))->entry;
  {
    std::lock_guard lock(scan->entry->mutex);
    if (std::exchange(scan->entry->taken, true)) {
      return duckdb_init_set_error(
          info, "the rows are read twice: they can be read once; materialize them first");
    }
  }
  Status status = scan->converter.Open(registration.connection, scan->entry->first);
  if (!status.ok()) return duckdb_init_set_error(info, status.message().c_str());
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    scan->columns.push_back(duckdb_init_get_column_index(info, i));
  }
  duckdb_init_set_max_threads(info, 1);
  duckdb_init_set_init_data(info, scan.release(),
                            [](void* data) { delete static_cast<Scan*>(data); });
}

void Produce(duckdb_function_info info, duckdb_data_chunk output) {
  auto& scan = *static_cast<Scan*>(duckdb_function_get_init_data(info));
  Status status = scan.NextBatch();
  if (!status.ok()) {
    std::lock_guard lock(scan.entry->mutex);
    scan.entry->failure = status;
    return duckdb_function_set_error(info, status.message().c_str());
  }
  if (scan.done == scan.size) return duckdb_data_chunk_set_size(output, 0);
  scan.Emit(output);
}

}  // namespace

Status BoundRows::Register(_duckdb_connection* connection) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, "millrace_rows");
  duckdb_logical_type id = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
  duckdb_table_function_add_parameter(function, id);
  duckdb_destroy_logical_type(&id);
  duckdb_table_function_set_extra_info(function, new Registration{this, connection},
                                       [](void* data) { delete static_cast<Registration*>(data); });
  duckdb_table_function_set_bind(function, Bind);
  duckdb_table_function_set_init(function, Init);
  duckdb_table_function_set_function(function, Produce);
  duckdb_table_function_supports_projection_pushdown(function, true);
  duckdb_state state = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  return state == DuckDBSuccess ? Status::Ok()
                                : Internal("the engine refused the table function millrace_rows");
}

Result<int64_t> BoundRows::Add(std::unique_ptr<RowReader> rows, std::stop_token stop) {
  std::optional<Rows> first = TRY(rows->Next(stop));
  if (!first) return Invalid("there are no rows, so their columns are not known");
  auto entry = std::make_shared<Entry>();
  entry->reader = std::move(rows);
  entry->stop = std::move(stop);
  entry->first = *std::move(first);
  std::lock_guard lock(mutex_);
  int64_t id = next_++;
  entries_.emplace(id, std::move(entry));
  return id;
}

void BoundRows::Remove(int64_t id) {
  std::lock_guard lock(mutex_);
  entries_.erase(id);
}

std::shared_ptr<BoundRows::Entry> BoundRows::Find(int64_t id) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(id);
  return found != entries_.end() ? found->second : nullptr;
}

Status BoundRows::Failure(int64_t id) {
  std::shared_ptr<Entry> entry = Find(id);
  if (entry == nullptr) return Status::Ok();
  std::lock_guard lock(entry->mutex);
  return entry->failure;
}

}  // namespace millrace::duck
