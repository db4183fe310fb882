// The rows of several COPY … TO STDOUT, on as many connections, under one snapshot, in any order.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/status.h"
#include "connect/postgres/row_batch.h"
#include "net/postgres/connection.h"

namespace millrace::postgres {

struct CopyOptions {
  pg::Options server;    // for further connections
  std::string snapshot;  // pg_export_snapshot(); "" where one connection does all
  int parallel = 1;
  int64_t batch = 0;  // bytes that travel together, about
};

// Reads ahead on threads of its own, as far as its bounded queue goes; destruction stops them
// within a second.
class CopyReader {
 public:
  // `connection` is in a transaction and is used until this is destroyed; `columns` outlive it.
  CopyReader(pg::Connection& connection, const std::vector<SourceColumn>& columns,
             std::vector<std::string> selects, CopyOptions options);
  ~CopyReader();

  // nullopt: all is read.
  Result<std::optional<Rows>> Next(std::stop_token stop);

 private:
  void Work(pg::Connection* connection, std::stop_token stop);
  Status ReadAll(pg::Connection* connection, std::stop_token stop);
  Status ReadOne(pg::Connection& connection, const std::string& select, std::stop_token stop);
  Status Push(RowBatch& batch, std::stop_token stop);

  const std::vector<SourceColumn>& columns_;
  const std::vector<std::string> selects_;
  const CopyOptions options_;
  std::atomic<size_t> next_{0};
  std::atomic<int> at_work_{0};
  Channel<Result<Rows>> ready_;
  std::stop_source stop_;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::postgres
