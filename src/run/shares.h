// Which continuous tasks this process works on, where several processes share them. Each takes as
// many as come to it: all but a few have the same number, the oldest one more where it does not
// divide. What is too much is given up at the end of a batch; what is free is taken.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/env.h"
#include "store/store.h"

namespace millrace {

// Any thread.
class Shares {
 public:
  // Of so many tasks. Both must outlive it.
  Shares(Membership& membership, Clock& clock, size_t tasks)
      : membership_(membership), clock_(clock), tasks_(tasks) {}

  // The task is this process's alone while it lives. Must not outlive the shares.
  class Turn {
   public:
    Turn(Shares& shares, std::string task) : shares_(shares), task_(std::move(task)) {}
    ~Turn() { shares_.LetGo(task_); }
    Turn(const Turn&) = delete;

   private:
    Shares& shares_;
    const std::string task_;
  };
  // Null: another process has the task, or this one has its share.
  Result<std::unique_ptr<Turn>> Take(const std::string& task);
  // Waits for it. Null: it drained first.
  Result<std::unique_ptr<Turn>> Wait(const std::string& task, std::stop_token drain);
  // Of a task whose turn it is, between batches. False: it is too much, and its turn is to end.
  bool Keeps(const std::string& task);

  static constexpr Micros kLook = std::chrono::milliseconds(250);  // at the others

 private:
  struct Held {
    std::unique_ptr<ProcessLock> lock;
    bool ends = false;
  };

  Status Look();
  void LetGo(const std::string& task);

  Membership& membership_;
  Clock& clock_;
  const size_t tasks_;
  std::mutex mutex_;  // over all below
  std::map<std::string, Held> held_;
  size_t share_ = 0;
  Time looked_;
};

}  // namespace millrace
