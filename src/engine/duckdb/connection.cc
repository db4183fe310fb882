#include "engine/duckdb/connection.h"

#include <duckdb.h>
#include <nanoarrow/nanoarrow.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "engine/duckdb/types.h"

namespace millrace::duck {

namespace {

struct Answer {  // owns a result
  duckdb_result result{};
  ~Answer() { duckdb_destroy_result(&result); }
};

struct Chunk {
  duckdb_data_chunk handle = nullptr;
  ~Chunk() { duckdb_destroy_data_chunk(&handle); }
};

struct Statement {
  duckdb_prepared_statement handle = nullptr;
  ~Statement() { duckdb_destroy_prepare(&handle); }
};

struct Pending {
  duckdb_pending_result handle = nullptr;
  ~Pending() { duckdb_destroy_pending(&handle); }
};

Status Failure(const char* error, std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  return ToStatus(ParseEngineError(error != nullptr ? error : "the engine failed without a word"));
}

bool IsValid(duckdb_vector vector, idx_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity == nullptr || duckdb_validity_row_is_valid(validity, row);
}

std::string StringAt(duckdb_vector vector, idx_t row) {
  auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  return {duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row])};
}

std::optional<std::string> TextAt(duckdb_vector vector, idx_t row) {
  if (!IsValid(vector, row)) return std::nullopt;
  return StringAt(vector, row);
}

template <class T>
T NumberAt(duckdb_vector vector, idx_t row) {
  return static_cast<T*>(duckdb_vector_get_data(vector))[row];
}

// The pairs of a MAP(VARCHAR, VARCHAR) in `row`.
std::vector<WrittenFile::Pair> PairsAt(duckdb_vector map, idx_t row) {
  std::vector<WrittenFile::Pair> pairs;
  if (!IsValid(map, row)) return pairs;
  auto entry = NumberAt<duckdb_list_entry>(map, row);
  duckdb_vector entries = duckdb_list_vector_get_child(map);
  duckdb_vector keys = duckdb_struct_vector_get_child(entries, 0);
  duckdb_vector values = duckdb_struct_vector_get_child(entries, 1);
  for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    pairs.push_back({StringAt(keys, i), TextAt(values, i)});
  }
  return pairs;
}

WrittenFile FileAt(duckdb_data_chunk chunk, idx_t row) {
  auto column = [&](idx_t index) { return duckdb_data_chunk_get_vector(chunk, index); };
  WrittenFile file;
  file.path = StringAt(column(0), row);
  file.rows = static_cast<int64_t>(NumberAt<uint64_t>(column(1), row));
  file.size = static_cast<int64_t>(NumberAt<uint64_t>(column(2), row));
  if (IsValid(column(4), row)) {
    auto entry = NumberAt<duckdb_list_entry>(column(4), row);
    duckdb_vector entries = duckdb_list_vector_get_child(column(4));
    duckdb_vector names = duckdb_struct_vector_get_child(entries, 0);
    duckdb_vector stats = duckdb_struct_vector_get_child(entries, 1);
    for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i) {
      file.columns.emplace_back(StringAt(names, i), PairsAt(stats, i));
    }
  }
  file.partition = PairsAt(column(5), row);
  return file;
}

// Calls each(chunk, rows) for all chunks of an answer that is whole.
template <class Each>
Status ForChunks(Answer& answer, std::stop_token stop, Each each) {
  while (true) {
    Chunk chunk{duckdb_fetch_chunk(answer.result)};
    if (chunk.handle == nullptr) break;
    each(chunk.handle, duckdb_data_chunk_get_size(chunk.handle));
  }
  const char* error = duckdb_result_error(&answer.result);
  return error == nullptr ? Status::Ok() : Failure(error, stop);
}

// Works on the statement's tasks until its result is ready. DuckDB's own loop would spin, holding
// locks, while other threads have the last tasks: with a statement on each core that is a tenth of
// all the time.
Status Finish(Pending& pending, const std::stop_token& stop) {
  constexpr int kYields = 20;  // most small statements are done by then
  int idle = 0;
  std::chrono::microseconds pause{0};
  while (true) {
    duckdb_pending_state state = duckdb_pending_execute_task(pending.handle);
    if (state == DUCKDB_PENDING_ERROR) return Failure(duckdb_pending_error(pending.handle), stop);
    if (duckdb_pending_execution_is_finished(state)) return Status::Ok();
    if (state != DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
      idle = 0;
      pause = std::chrono::microseconds(0);
      continue;
    }
    if (++idle <= kYields) {
      std::this_thread::yield();
      continue;
    }
    pause = std::min(pause * 2 + std::chrono::microseconds(10), std::chrono::microseconds(500));
    std::this_thread::sleep_for(pause);
  }
}

// Prepared first: DuckDB refuses to prepare more than one statement, so nothing can hide behind a
// semicolon.
Status ExecuteOne(duckdb_connection connection, const std::string& sql, Answer& answer,
                  const std::stop_token& stop) {
  Statement statement;
  if (duckdb_prepare(connection, sql.c_str(), &statement.handle) != DuckDBSuccess) {
    return Failure(duckdb_prepare_error(statement.handle), stop);
  }
  Pending pending;
  if (duckdb_pending_prepared(statement.handle, &pending.handle) != DuckDBSuccess) {
    return Failure(duckdb_pending_error(pending.handle), stop);
  }
  TRY(Finish(pending, stop));
  if (duckdb_execute_pending(pending.handle, &answer.result) != DuckDBSuccess) {
    return Failure(duckdb_result_error(&answer.result), stop);
  }
  return Status::Ok();
}

// CREATE TABLE AS and COPY answer with one BIGINT; duckdb_rows_changed counts INSERT and the like
// only.
Result<int64_t> CountOf(Answer& answer, const std::stop_token& stop) {
  int64_t count = 0;
  if (duckdb_column_count(&answer.result) == 1 &&
      duckdb_column_type(&answer.result, 0) == DUCKDB_TYPE_BIGINT) {
    TRY(ForChunks(answer, stop, [&](duckdb_data_chunk chunk, idx_t) {
      count = NumberAt<int64_t>(duckdb_data_chunk_get_vector(chunk, 0), 0);
    }));
  }
  return count;
}

// A streaming result as Arrow rows.
class StreamReader : public RowReader {
 public:
  StreamReader(std::unique_ptr<Connection> connection, Connection::GiveBack give_back)
      : connection_(std::move(connection)), give_back_(std::move(give_back)) {}

  ~StreamReader() override {
    duckdb_destroy_arrow_options(&options_);
    for (duckdb_logical_type& type : types_) duckdb_destroy_logical_type(&type);
    answer_.reset();
    statement_.reset();
    if (ended_) give_back_(std::move(connection_));
  }

  Status Start(const std::string& sql, std::stop_token stop) {
    Interrupter::Watch watch(connection_->interrupter(), connection_->handle(), stop);
    duckdb_prepared_statement& statement = statement_.emplace().handle;
    if (duckdb_prepare(connection_->handle(), sql.c_str(), &statement) != DuckDBSuccess) {
      return Failure(duckdb_prepare_error(statement), stop);
    }
    duckdb_result& result = answer_.emplace().result;
    if (duckdb_execute_prepared_streaming(statement, &result) != DuckDBSuccess) {
      return Failure(duckdb_result_error(&result), stop);
    }
    options_ = duckdb_result_get_arrow_options(&result);
    idx_t count = duckdb_column_count(&result);
    for (idx_t i = 0; i < count; ++i) {
      types_.push_back(duckdb_column_logical_type(&result, i));
      names_.emplace_back(duckdb_column_name(&result, i));
    }
    return Status::Ok();
  }

  Result<std::optional<Rows>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    Interrupter::Watch watch(connection_->interrupter(), connection_->handle(), stop);
    Chunk chunk{duckdb_fetch_chunk(answer_->result)};
    if (chunk.handle == nullptr || duckdb_data_chunk_get_size(chunk.handle) == 0) {
      const char* error = duckdb_result_error(&answer_->result);
      if (error != nullptr) return Failure(error, stop);
      ended_ = true;
      return std::optional<Rows>();
    }
    ArrowSchema schema{};
    TRY(MakeSchema(schema));
    ArrowArray array{};
    if (duckdb_error_data failed = duckdb_data_chunk_to_arrow(options_, chunk.handle, &array)) {
      Status status = ErrorOf(failed);
      if (!status.ok()) {
        schema.release(&schema);
        return status;
      }
    }
    return std::optional<Rows>(Rows::Adopt(&schema, &array));
  }

 private:
  static Status ErrorOf(duckdb_error_data failed) {
    Status status;
    if (duckdb_error_data_has_error(failed)) {
      status = ToStatus(ParseEngineError(duckdb_error_data_message(failed)));
    }
    duckdb_destroy_error_data(&failed);
    return status;
  }

  Status MakeSchema(ArrowSchema& schema) {
    std::vector<const char*> names;
    for (const std::string& name : names_) names.push_back(name.c_str());
    duckdb_error_data failed =
        duckdb_to_arrow_schema(options_, types_.data(), names.data(), names.size(), &schema);
    return failed != nullptr ? ErrorOf(failed) : Status::Ok();
  }

  std::unique_ptr<Connection> connection_;  // first: ends last
  const Connection::GiveBack give_back_;
  std::optional<Statement> statement_;
  std::optional<Answer> answer_;
  bool ended_ = false;
  duckdb_arrow_options options_ = nullptr;
  std::vector<duckdb_logical_type> types_;
  std::vector<std::string> names_;
};

struct Appender {
  duckdb_appender handle = nullptr;
  ~Appender() { duckdb_appender_destroy(&handle); }
};

// In the transaction that is open.
Status FillTable(duckdb_connection connection, const std::string& table, Connection& rows,
                 const std::string& select, const std::stop_token& stop) {
  Interrupter::Watch watch(rows.interrupter(), rows.handle(), stop);
  Statement statement;
  if (duckdb_prepare(rows.handle(), select.c_str(), &statement.handle) != DuckDBSuccess)
    return Failure(duckdb_prepare_error(statement.handle), stop);
  Answer answer;
  if (duckdb_execute_prepared_streaming(statement.handle, &answer.result) != DuckDBSuccess)
    return Failure(duckdb_result_error(&answer.result), stop);
  Appender appender;
  auto failure = [&] {
    const char* error = duckdb_appender_error(appender.handle);
    return Failure(error, stop);
  };
  if (duckdb_appender_create(connection, nullptr, table.c_str(), &appender.handle) != DuckDBSuccess)
    return failure();
  Status appended;
  TRY(ForChunks(answer, stop, [&](duckdb_data_chunk chunk, idx_t) {
    if (appended.ok() && duckdb_append_data_chunk(appender.handle, chunk) != DuckDBSuccess)
      appended = failure();
  }));
  TRY(std::move(appended));
  return duckdb_appender_close(appender.handle) == DuckDBSuccess ? Status::Ok() : failure();
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(_duckdb_database* database,
                                                     Interrupter& interrupter) {
  duckdb_connection handle = nullptr;
  if (duckdb_connect(database, &handle) != DuckDBSuccess)
    return Internal("the engine refused a connection");
  return std::unique_ptr<Connection>(new Connection(handle, interrupter));
}

Connection::~Connection() { duckdb_disconnect(&handle_); }

Result<int64_t> Connection::Run(const std::string& sql, std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  Interrupter::Watch watch(interrupter_, handle_, stop);
  Answer answer;
  if (duckdb_query(handle_, sql.c_str(), &answer.result) != DuckDBSuccess) {
    return Failure(duckdb_result_error(&answer.result), stop);
  }
  return CountOf(answer, stop);
}

Result<int64_t> Connection::RunOne(const std::string& sql, std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  Interrupter::Watch watch(interrupter_, handle_, stop);
  Answer answer;
  TRY(ExecuteOne(handle_, sql, answer, stop));
  return CountOf(answer, stop);
}

Result<std::vector<TextRow>> Connection::Texts(const std::string& sql, std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  Interrupter::Watch watch(interrupter_, handle_, stop);
  Answer answer;
  TRY(ExecuteOne(handle_, sql, answer, stop));
  std::vector<TextRow> rows;
  TRY(ForChunks(answer, stop, [&](duckdb_data_chunk chunk, idx_t count) {
    idx_t columns = duckdb_data_chunk_get_column_count(chunk);
    for (idx_t row = 0; row < count; ++row) {
      TextRow texts(columns);
      for (idx_t i = 0; i < columns; ++i) {
        texts[i] = TextAt(duckdb_data_chunk_get_vector(chunk, i), row);
      }
      rows.push_back(std::move(texts));
    }
  }));
  return rows;
}

Result<std::vector<WrittenFile>> Connection::Copy(const std::string& sql, std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  Interrupter::Watch watch(interrupter_, handle_, stop);
  Answer answer;
  TRY(ExecuteOne(handle_, sql, answer, stop));
  std::vector<WrittenFile> files;
  TRY(ForChunks(answer, stop, [&](duckdb_data_chunk chunk, idx_t count) {
    for (idx_t row = 0; row < count; ++row) files.push_back(FileAt(chunk, row));
  }));
  return files;
}

Result<std::unique_ptr<RowReader>> Connection::Stream(std::unique_ptr<Connection> connection,
                                                      const std::string& sql, GiveBack give_back,
                                                      std::stop_token stop) {
  if (stop.stop_requested()) return Canceled();
  auto reader = std::make_unique<StreamReader>(std::move(connection), std::move(give_back));
  TRY(reader->Start(sql, stop));
  return std::unique_ptr<RowReader>(std::move(reader));
}

Status Connection::Fill(const std::string& table, Connection& rows, const std::string& select,
                        std::stop_token stop) {
  TRY(Run("CREATE OR REPLACE TABLE " + SqlName(table) + " AS SELECT * FROM (" + select +
              "\n) LIMIT 0; BEGIN TRANSACTION",
          stop));
  Status filled = FillTable(handle_, table, rows, select, stop);
  TRY(Run(filled.ok() ? "COMMIT" : "ROLLBACK"));
  return filled;
}

Prepared Connection::Prepare(const std::string& sql) {
  Prepared prepared;
  Statement statement;
  if (duckdb_prepare(handle_, sql.c_str(), &statement.handle) != DuckDBSuccess) {
    const char* error = duckdb_prepare_error(statement.handle);
    prepared.error =
        ParseEngineError(error != nullptr ? error : "the statement cannot be prepared");
    return prepared;
  }
  prepared.is_select =
      duckdb_prepared_statement_type(statement.handle) == DUCKDB_STATEMENT_TYPE_SELECT;
  idx_t count = duckdb_prepared_statement_column_count(statement.handle);
  for (idx_t i = 0; i < count; ++i) {
    const char* name = duckdb_prepared_statement_column_name(statement.handle, i);
    duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement.handle, i);
    LakeType lake = ToLakeType(type);
    duckdb_destroy_logical_type(&type);
    prepared.columns.push_back(
        {name != nullptr ? name : "", std::move(lake.type), lake.exact, lake.untyped});
    duckdb_free(const_cast<char*>(name));
  }
  return prepared;
}

double Connection::Progress() const {
  double percent = duckdb_query_progress(handle_).percentage;
  return percent < 0 ? -1 : percent / 100;
}

}  // namespace millrace::duck
