// Turns stop requests into interruptions of running statements.
#pragma once

#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

struct _duckdb_connection;

namespace millrace::duck {

// An interruption that comes before DuckDB has begun a statement is forgotten by it. So one thread
// repeats it until the statement has ended.
class Interrupter {
 public:
  Interrupter();

  // While it lives, a stop request interrupts what the connection runs. Costs next to nothing
  // without a stop token.
  class Watch {
   public:
    Watch(Interrupter& owner, _duckdb_connection* connection, std::stop_token stop);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    struct Wake {
      Interrupter* owner;
      void operator()() const;
    };
    Interrupter& owner_;
    std::stop_token stop_;
    _duckdb_connection* connection_;
    std::list<Watch*>::iterator place_;
    std::optional<std::stop_callback<Wake>> callback_;
    friend class Interrupter;
  };

 private:
  void Work(std::stop_token ended);
  bool InterruptStopped();  // with mutex_ held; whether there were any

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Watch*> watches_;
  bool woken_ = false;
  std::jthread thread_;  // last: ends first
};

}  // namespace millrace::duck
