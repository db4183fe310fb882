#include "connect/postgres/copy_reader.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connect/postgres/big_endian.h"

namespace millrace::postgres {

namespace {

constexpr size_t kBatchesAhead = 2;     // of each connection
constexpr int64_t kMostRows = 1 << 15;  // of a batch

// Before the first row: a signature, flags, and an extension with its length before it.
Result<std::string_view> PastHeader(std::string_view message) {
  constexpr size_t kSignature = 11, kFixed = kSignature + 8;
  if (message.size() < kFixed) return Internal("a binary COPY without its header");
  auto extension = static_cast<size_t>(ReadInt<int32_t>(message.data() + kSignature + 4));
  if (message.size() < kFixed + extension) return Internal("a binary COPY without its header");
  return message.substr(kFixed + extension);
}

bool IsTrailer(std::string_view row) {
  return row.size() == 2 && ReadInt<int16_t>(row.data()) == -1;
}

}  // namespace

CopyReader::CopyReader(pg::Connection& connection, const std::vector<SourceColumn>& columns,
                       std::vector<std::string> selects, CopyOptions options)
    : columns_(columns),
      selects_(std::move(selects)),
      options_(std::move(options)),
      ready_(kBatchesAhead * static_cast<size_t>(std::max(options_.parallel, 1))) {
  int threads = options_.snapshot.empty()
                    ? 1
                    : std::min(options_.parallel, static_cast<int>(selects_.size()));
  at_work_ = std::max(threads, 1);
  for (int i = 0; i < at_work_; ++i) {
    pg::Connection* own = i == 0 ? &connection : nullptr;
    threads_.emplace_back([this, own] { Work(own, stop_.get_token()); });
  }
}

CopyReader::~CopyReader() {
  stop_.request_stop();
  for (std::thread& thread : threads_) thread.join();
}

void CopyReader::Work(pg::Connection* connection, std::stop_token stop) {
  Status status = ReadAll(connection, stop);
  if (!status.ok()) ready_.Push(status, stop);
  if (--at_work_ == 0) ready_.Close();
}

Status CopyReader::ReadAll(pg::Connection* connection, std::stop_token stop) {
  std::unique_ptr<pg::Connection> another;
  if (!connection) {
    another = TRY(pg::Connection::Open(options_.server, stop));
    connection = another.get();
    TRY(connection->Run(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
            SqlLiteral(options_.snapshot),
        stop));
  }
  for (size_t i = next_++; i < selects_.size(); i = next_++) {
    TRY(ReadOne(*connection, selects_[i], stop));
  }
  return Status::Ok();
}

Status CopyReader::ReadOne(pg::Connection& connection, const std::string& select,
                           std::stop_token stop) {
  TRY(connection.BeginCopyOut("COPY (" + select + ") TO STDOUT (FORMAT binary)", stop));
  RowBatch batch(columns_);
  bool first = true;
  while (auto message = TRY(connection.Receive(stop))) {
    std::string_view row = *message;
    if (std::exchange(first, false)) row = TRY(PastHeader(row));
    if (row.empty() || IsTrailer(row)) continue;
    TRY(batch.AppendCopyRow(row));
    if (batch.rows() >= kMostRows || batch.bytes() >= options_.batch) TRY(Push(batch, stop));
  }
  return batch.rows() ? Push(batch, stop) : Status::Ok();
}

Status CopyReader::Push(RowBatch& batch, std::stop_token stop) {
  return ready_.Push(TRY(batch.Take()), stop) ? Status::Ok() : Canceled();
}

Result<std::optional<Rows>> CopyReader::Next(std::stop_token stop) {
  std::optional<Result<Rows>> next = ready_.Pop(stop);
  if (stop.stop_requested()) return Canceled();
  if (!next) return std::optional<Rows>();
  if (!next->ok()) return next->status();
  return std::optional(*std::move(*next));
}

}  // namespace millrace::postgres
