// What every call of driver.h needs: a stop that reaches it, and its failure as a Status.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "net/cassandra/driver/driver.h"

namespace millrace::cassandra {

class StopHandle {
 public:
  explicit StopHandle(const std::stop_token& stop) : handle_(mcql_stop_new()) {
    told_.emplace(stop, [this] { mcql_stop_request(handle_); });
  }
  ~StopHandle() {
    told_.reset();
    mcql_stop_free(handle_);
  }
  StopHandle(const StopHandle&) = delete;
  StopHandle& operator=(const StopHandle&) = delete;

  McqlStop* get() const { return handle_; }

 private:
  McqlStop* const handle_;
  std::optional<std::stop_callback<std::function<void()>>> told_;
};

// `kind` as driver.h numbers it; takes over the error's text. `servers` stands before the message.
Status ToStatus(int kind, McqlError& error, const std::string& servers);

}  // namespace millrace::cassandra
