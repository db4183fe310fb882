// What logical replication sends: the messages of the plugin pgoutput, protocol version 1, as text
// (https://www.postgresql.org/docs/15/protocol-logicalrep-message-formats.html), within those of
// the streaming protocol (https://www.postgresql.org/docs/15/protocol-replication.html).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace millrace::postgres {

using Lsn = uint64_t;  // a place in the write-ahead log, in bytes

std::string LsnText(Lsn lsn);  // "16/B374D848"
Lsn ParseLsn(std::string_view text);

struct Begin {
  Lsn commit = 0;  // where the transaction's commit stands
  Time time;       // …and when it was
};

struct Relation {
  uint32_t table = 0;
  std::vector<std::string> columns;
};

// The values of a row, in the relation's order. Views into the message.
struct Tuple {
  struct Value {
    char kind = 'n';  // n null, u unchanged (and stored out of line), t text
    std::string_view text;
  };
  std::vector<Value> values;
};

struct Change {
  char kind = 'I';  // I insert, U update, D delete, T truncate
  uint32_t table = 0;
  std::optional<Tuple> before;  // whole, or the key alone
  bool before_is_whole = false;
  std::optional<Tuple> after;
};

// The kind of a message is its first byte: B C R I U D T, others mean nothing here. kInternal: it
// is not in the form that the protocol says.
Result<Begin> ParseBegin(std::string_view message);
Result<Lsn> ParseCommit(std::string_view message);
Result<Relation> ParseRelation(std::string_view message);
Result<Change> ParseChange(std::string_view message);
// Whether an I, U, D or T concerns this table.
bool Concerns(std::string_view message, uint32_t table);

// What a receiver tells: all before `flushed` is safe, and may be forgotten.
std::string StatusUpdate(Lsn flushed, bool wants_reply, Time now);

struct WalData {
  std::string_view message;  // of pgoutput; empty for a sign of life
  Lsn end = 0;               // of what was sent so far
  bool wants_reply = false;
};
Result<WalData> ParseWalData(std::string_view message);

}  // namespace millrace::postgres
