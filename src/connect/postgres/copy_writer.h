// Arrow rows → the bytes of a binary COPY.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connect/postgres/types.h"
#include "data/rows.h"

namespace millrace::postgres {

class CopyWriter {
 public:
  using Send = std::function<Status(std::string_view bytes)>;

  // The columns of the COPY, in the order of the rows' columns. With `numbered` a bigint follows:
  // the row's number, from 1.
  CopyWriter(std::vector<std::string> names, std::vector<PgType> types, bool numbered);

  // Sends in pieces of some 100 kB. kRejected names the column and the row of a value that its type
  // cannot hold.
  Status Write(const Rows& rows, const Send& send);
  Status End(const Send& send);
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }

 private:
  Status Flush(const Send& send, size_t least);

  const std::vector<std::string> names_;
  const std::vector<PgType> types_;
  const bool numbered_;
  std::string buffer_;
  int64_t rows_ = 0, bytes_ = 0;
};

}  // namespace millrace::postgres
