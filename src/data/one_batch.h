// Rows that are there already, for who wants a reader of them.
#pragma once

#include <utility>

#include "data/rows.h"

namespace millrace {

class OneBatch final : public RowReader {
 public:
  explicit OneBatch(Rows rows) : rows_(std::move(rows)) {}
  Result<std::optional<Rows>> Next(std::stop_token) override {
    return std::exchange(rows_, std::nullopt);
  }

 private:
  std::optional<Rows> rows_;
};

}  // namespace millrace
