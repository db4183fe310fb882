#include "engine/duckdb/bound_rows.h"

#include <duckdb.h>
#include <nanoarrow/nanoarrow.hpp>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "engine/duckdb/errors.h"

namespace millrace::duck {

struct BoundRows::Entry {
  ~Entry() {
    for (duckdb_logical_type& type : types) duckdb_destroy_logical_type(&type);
  }

  // nullopt: no more. Threads take turns.
  Result<std::optional<Rows>> Next() {
    std::lock_guard lock(mutex);
    if (ended) return std::optional<Rows>();
    if (first.array() != nullptr) return std::optional(std::exchange(first, Rows()));
    Result<std::optional<Rows>> rows = reader->Next(stop);
    ended = !rows.ok() || !rows->has_value();
    return rows;
  }

  std::unique_ptr<RowReader> reader;
  std::stop_token stop;
  nanoarrow::UniqueSchema schema;  // of all rows
  std::mutex mutex;
  Rows first;                              // until it is read
  std::vector<duckdb_logical_type> types;  // of the columns; once a statement named the rows
  bool taken = false;                      // a scan has begun
  bool ended = false;                      // the reader gave all it had, or failed
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

std::string_view View(const char* text) { return text != nullptr ? text : ""; }

bool IsSame(const ArrowSchema& a, const ArrowSchema& b) {
  bool same = View(a.format) == View(b.format) && View(a.name) == View(b.name) &&
              a.flags == b.flags && a.n_children == b.n_children &&
              (a.dictionary == nullptr) == (b.dictionary == nullptr);
  // Metadata (an extension's name) begins with its number of pairs: ours has none, or is another.
  if (!same || a.metadata != nullptr || b.metadata != nullptr) return false;
  if (a.dictionary != nullptr && !IsSame(*a.dictionary, *b.dictionary)) return false;
  for (int64_t i = 0; i < a.n_children; ++i) {
    if (!IsSame(*a.children[i], *b.children[i])) return false;
  }
  return true;
}

// Whether the engine would give such a column the same layout again.
bool IsAsTheEngineGives(const ArrowSchema& column) {
  static constexpr std::string_view kSame[] = {"b", "c", "s",   "i",   "l",  "f",  "g",
                                               "u", "z", "tdD", "ttu", "+s", "+l", "+m"};
  std::string_view format = View(column.format);
  bool same = std::ranges::find(kSame, format) != std::end(kSame) || format.starts_with("tsu:");
  if (!same || column.metadata != nullptr || column.dictionary != nullptr) return false;
  return std::all_of(column.children, column.children + column.n_children,
                     [](const ArrowSchema* child) { return IsAsTheEngineGives(*child); });
}

class UnchangedReader final : public RowReader {
 public:
  explicit UnchangedReader(std::shared_ptr<BoundRows::Entry> entry) : entry_(std::move(entry)) {}
  Result<std::optional<Rows>> Next(std::stop_token) override { return entry_->Next(); }

 private:
  const std::shared_ptr<BoundRows::Entry> entry_;
};

// Some of the rows, without copying them; they stay alive until it is released.
struct Slice {
  Rows rows;
  std::vector<ArrowArray> columns;
  std::vector<ArrowArray*> pointers;

  static ArrowArray Of(const Rows& rows, int64_t begin, int64_t count) {
    const ArrowArray& whole = *rows.array();
    auto* slice = new Slice{rows, {}, {}};
    for (int64_t i = 0; i < whole.n_children; ++i) {
      ArrowArray column = *whole.children[i];
      column.offset += whole.offset + begin;
      column.length = count;
      if (column.null_count != 0) column.null_count = -1;
      slice->columns.push_back(column);
    }
    for (ArrowArray& column : slice->columns) slice->pointers.push_back(&column);
    ArrowArray array = whole;
    array.offset = 0;
    array.length = count;
    array.children = slice->pointers.data();
    array.private_data = slice;
    array.release = [](ArrowArray* released) {
      delete static_cast<Slice*>(released->private_data);
      released->release = nullptr;
    };
    return array;
  }
};

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

  Status Open(duckdb_connection connection, ArrowSchema* like) {
    connection_ = connection;
    return Take(duckdb_schema_from_arrow(connection, like, &schema_));
  }
  Status Convert(const Rows& rows, int64_t begin, int64_t count, Chunk& chunk) {
    duckdb_destroy_data_chunk(&chunk.handle);
    ArrowArray slice = Slice::Of(rows, begin, count);
    Status status = Take(duckdb_data_chunk_from_arrow(connection_, &slice, schema_, &chunk.handle));
    if (slice.release != nullptr) slice.release(&slice);
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
  std::vector<idx_t> columns;  // projected
};

// What one thread of a scan has at hand.
struct Part {
  Converter converter;
  Rows rows;
  int64_t done = 0;  // of `rows`
  Chunk chunk;

  // Vectors of the engine's own size are handed on without a copy.
  Status Next(Scan& scan, duckdb_data_chunk output) {
    duckdb_data_chunk_set_size(output, 0);
    while (rows.array() == nullptr || done == rows.count()) {
      std::optional<Rows> next = TRY(scan.entry->Next());
      if (!next) return Status::Ok();
      rows = *std::move(next);
      done = 0;
    }
    int64_t count =
        std::min<int64_t>(static_cast<int64_t>(duckdb_vector_size()), rows.count() - done);
    TRY(converter.Convert(rows, done, count, chunk));
    done += count;
    for (idx_t i = 0; i < scan.columns.size(); ++i) {
      duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(output, i),
                                     duckdb_data_chunk_get_vector(chunk.handle, scan.columns[i]));
    }
    duckdb_data_chunk_set_size(output, static_cast<idx_t>(count));
    return Status::Ok();
  }
};

// A statement that only asks for the shape may come after the one that read the rows.
Status FindTypes(Registration& registration, BoundRows::Entry& entry) {
  if (!entry.types.empty()) return Status::Ok();
  Converter converter;
  TRY(converter.Open(registration.connection, entry.schema.get()));
  Chunk chunk;
  TRY(converter.Convert(entry.first, 0, 0, chunk));
  for (int64_t i = 0; i < entry.schema->n_children; ++i) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk.handle, static_cast<idx_t>(i));
    entry.types.push_back(duckdb_vector_get_column_type(vector));
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
  Status status = FindTypes(registration, *entry);
  if (!status.ok()) return duckdb_bind_set_error(info, status.message().c_str());
  for (size_t i = 0; i < entry->types.size(); ++i)
    duckdb_bind_add_result_column(info, entry->schema->children[i]->name, entry->types[i]);
  duckdb_bind_set_bind_data(info, new BindData{entry},
                            [](void* data) { delete static_cast<BindData*>(data); });
}

void Init(duckdb_init_info info) {
  auto scan = std::make_unique<Scan>();
  scan->entry = static_cast<BindData*>(duckdb_init_get_bind_data(info))->entry;
  {
    std::lock_guard lock(scan->entry->mutex);
    if (std::exchange(scan->entry->taken, true)) {
      return duckdb_init_set_error(
          info, "the rows are read twice: they can be read once; materialize them first");
    }
  }
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    scan->columns.push_back(duckdb_init_get_column_index(info, i));
  }
  // While one reads, the others work on what they have read. Where the order counts, the engine
  // lets only one thread in.
  duckdb_init_set_max_threads(info, std::max(1U, std::thread::hardware_concurrency()));
  duckdb_init_set_init_data(info, scan.release(),
                            [](void* data) { delete static_cast<Scan*>(data); });
}

void InitThread(duckdb_init_info info) {
  auto& registration = *static_cast<Registration*>(duckdb_init_get_extra_info(info));
  auto& entry = *static_cast<BindData*>(duckdb_init_get_bind_data(info))->entry;
  auto part = std::make_unique<Part>();
  Status status = part->converter.Open(registration.connection, entry.schema.get());
  if (!status.ok()) return duckdb_init_set_error(info, status.message().c_str());
  duckdb_init_set_init_data(info, part.release(),
                            [](void* data) { delete static_cast<Part*>(data); });
}

void Produce(duckdb_function_info info, duckdb_data_chunk output) {
  auto& scan = *static_cast<Scan*>(duckdb_function_get_init_data(info));
  auto& part = *static_cast<Part*>(duckdb_function_get_local_init_data(info));
  Status status = part.Next(scan, output);
  if (status.ok()) return;
  duckdb_function_set_error(info, status.message().c_str());
  std::lock_guard lock(scan.entry->mutex);
  if (scan.entry->failure.ok()) scan.entry->failure = std::move(status);
}

}  // namespace

Status BoundRows::Register(_duckdb_connection* connection) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, kFunction);
  duckdb_logical_type id = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
  duckdb_table_function_add_parameter(function, id);
  duckdb_destroy_logical_type(&id);
  duckdb_table_function_set_extra_info(function, new Registration{this, connection},
                                       [](void* data) { delete static_cast<Registration*>(data); });
  duckdb_table_function_set_bind(function, Bind);
  duckdb_table_function_set_init(function, Init);
  duckdb_table_function_set_local_init(function, InitThread);
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
  if (ArrowSchemaDeepCopy(first->schema(), entry->schema.get()) != NANOARROW_OK)
    return Status(Code::kExhausted, "no memory for the columns of rows");
  entry->first = *std::move(first);
  std::lock_guard lock(mutex_);
  int64_t id = next_++;
  entries_.emplace(id, std::move(entry));
  return id;
}

bool BoundRows::Renew(int64_t id, int64_t newer) {
  std::lock_guard lock(mutex_);
  auto old = entries_.find(id), entry = entries_.find(newer);
  if (old == entries_.end() || entry == entries_.end()) return false;
  if (!IsSame(*old->second->schema.get(), *entry->second->schema.get())) return false;
  old->second = std::move(entry->second);
  entries_.erase(entry);
  return true;
}

void BoundRows::Remove(int64_t id) {
  std::lock_guard lock(mutex_);
  entries_.erase(id);
}

std::unique_ptr<RowReader> BoundRows::Unchanged(int64_t id) {
  std::shared_ptr<Entry> entry = Find(id);
  if (entry == nullptr || !IsAsTheEngineGives(*entry->schema.get())) return nullptr;
  std::lock_guard lock(entry->mutex);
  if (std::exchange(entry->taken, true)) return nullptr;
  return std::make_unique<UnchangedReader>(entry);
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
