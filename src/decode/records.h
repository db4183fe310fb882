// Records one by one: the bytes of a message become a row, and a row becomes bytes.
//
// For sources whose records come singly (Kafka), where an engine cannot read a file by itself.
// One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>

#include "base/status.h"
#include "data/rows.h"
#include "data/schema.h"

namespace millrace {

class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;

  // Of the rows that Take gives.
  virtual const Schema& schema() const = 0;
  // Appends a row. kRejected: the record is not one; nothing of it is kept, and the message says
  // why. Any other failure is not the record's: the registry did not answer, a stop.
  virtual Status Add(std::string_view record, const std::stop_token& stop) = 0;
  // A row of nulls: a message without a value.
  virtual Status AddNull() = 0;
  virtual int64_t count() const = 0;  // rows added since the last Take
  // The rows added so far; the next one begins a new batch.
  virtual Result<Rows> Take() = 0;
};

class RecordEncoder {
 public:
  using TakeRecord = std::function<Status(int64_t row, std::string_view record)>;

  virtual ~RecordEncoder() = default;

  // Before Encode. kInvalid: rows of this shape cannot be written so, and why.
  virtual Status Open(const Schema& schema, std::stop_token stop) = 0;
  // Calls `take` for each row in turn; the bytes are valid during the call.
  virtual Status Encode(const Rows& rows, const TakeRecord& take, std::stop_token stop) = 0;
};

}  // namespace millrace
