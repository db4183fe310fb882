// How far one long work of a command is, on a terminal.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "cli/command.h"

namespace millrace {

// After two seconds, on a terminal: one line that says how far it is, and goes when it is done.
class WorkLine {
 public:
  // `total`: null where nobody knows it, or -1 as long as nobody does.
  WorkLine(Invocation& invocation, std::string what, const std::atomic<int64_t>& bytes,
           const std::atomic<int64_t>* total = nullptr);
  ~WorkLine();

 private:
  void Paint(std::stop_token stop);

  Terminal& terminal_;
  const std::string what_;
  const std::atomic<int64_t>& bytes_;
  const std::atomic<int64_t>* const total_;
  bool painted_ = false;
  std::jthread painter_;
};

}  // namespace millrace
