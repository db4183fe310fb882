// The changes of one table, transaction after transaction in the order of their commits, as a slot
// gives them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/env.h"
#include "base/status.h"
#include "connect/postgres/pgoutput.h"
#include "net/postgres/connection.h"

namespace millrace::postgres {

// A message that was fetched: a Relation or a change.
struct StreamItem {
  Lsn commit = 0;  // of its transaction
  Time time;
  std::string message;
};

struct StreamOptions {
  pg::Options server;
  std::string slot, publication;
  uint32_t table = 0;
  Lsn after = 0;             // commits up to here are left out
  int64_t buffer_bytes = 0;  // fetched ahead
};

// What was fetched is kept until it is taken; nothing is forgotten by the server before Confirm.
class ChangeStream {
 public:
  // Waits for a process before this one that still holds the slot.
  static Result<std::unique_ptr<ChangeStream>> Open(const StreamOptions& options, Clock& clock,
                                                    std::stop_token stop);
  ~ChangeStream();  // the server has worked off what it was told

  // Fetches what was committed before `target`, as far as the buffer goes.
  Status Fetch(Lsn target, std::stop_token stop);
  // The last commit with changes that was begun to be fetched and is not taken, or the first after
  // which `rows` are reached (0: no limit); nullopt when there is none.
  std::optional<Lsn> End(int64_t rows) const;
  // The next message of a transaction up to `end`, in order; nullopt: all are taken. kInvalid: the
  // server has gone past `end` without one that ends there.
  Result<std::optional<StreamItem>> Take(Lsn end, std::stop_token stop);
  // The server may forget what was committed up to here.
  Status Confirm(Lsn commit);

  // What was committed before was fetched, or has no changes of the table.
  Lsn reached() const { return told_; }
  // Nothing is fetched and not taken.
  bool empty() const { return transactions_.empty(); }
  const std::deque<StreamItem>& items() const { return items_; }

 private:
  struct Transaction {
    Lsn commit = 0;
    Time time;
    int64_t rows = 0;
    bool whole = false;
  };
  ChangeStream(const StreamOptions& options, Clock& clock) : options_(options), clock_(clock) {}
  Result<bool> Pull(Micros wait, std::stop_token stop);
  Status Keep(std::string_view message);
  Status Tell(bool wants_reply, std::stop_token stop);
  Status Ask(std::stop_token stop);
  bool IsPast(Lsn end) const;
  Result<std::optional<StreamItem>> Passed(Lsn end);

  const StreamOptions options_;
  Clock& clock_;
  std::unique_ptr<pg::Connection> connection_;
  std::deque<Transaction> transactions_;  // with changes that are not all taken
  std::deque<StreamItem> items_;
  int64_t bytes_ = 0;  // of items_
  Lsn ended_ = 0, confirmed_ = 0;
  Lsn told_ = 0;        // where the server said it was
  bool asked_ = false;  // and has not answered
  Lsn passed_ = 0;      // the last commit whose changes were all taken
};

}  // namespace millrace::postgres
