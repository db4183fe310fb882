// Which tables we can read and write: protocol versions, table features, and properties that ask
// something of writers. https://github.com/delta-io/delta/blob/master/PROTOCOL.md#table-features
#pragma once

#include "base/status.h"
#include "lake/table_state.h"

namespace millrace {

// kInvalid names the features that we do not read.
Status CheckReadable(const Protocol& protocol);

// What a write does to the files that are there.
enum class WriteKind {
  kAppend,   // leaves them
  kReplace,  // removes them, unread
  kRewrite,  // reads some and writes what stays of them
};
// kInvalid tells what the table asks of writers that we do not do.
Status CheckWritable(const TableState& state, WriteKind kind);

// Properties that a user may set: other tools' own, and of Delta's those that ask no feature of
// writers.
Status CheckProperties(const std::map<std::string, std::string>& properties);

// Deletion vectors or column mapping: the engine's own reader must read it.
bool NeedsForeignReader(const TableState& state);

// The protocol that a table of this schema needs, at least `base`: it is never lowered.
Protocol ProtocolFor(const Protocol& base, const Schema& schema);
// Of a new table.
Protocol FirstProtocol(const Schema& schema);

}  // namespace millrace
