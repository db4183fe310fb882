// TARGET: where content goes that is named by its hash: a network, a node, a bucket, a folder.
// Content is a set of blocks with one root; the same content has the same names everywhere.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "connect/content/journal.h"
#include "net/ipld/car_writer.h"

namespace millrace::content {

// What a target says of content that it has: for people and for the run record.
struct Stored {
  std::string where;               // "space did:key:z6Mk…", "/srv/archive/bafy….car"
  std::vector<std::string> links;  // URLs under which anybody finds it; may be empty
};

class Target {
 public:
  virtual ~Target() = default;

  virtual std::string Name() const = 0;  // as in the pipeline file: "storacha", "archive"
  // Whether it answers and would take content from us. Writes nothing.
  virtual Status Probe(std::stop_token stop) = 0;
  // All shards, durably: ok only when the target itself has confirmed each. What was done is told
  // to the journal step by step, and a later call, of this process or of another, goes on from
  // there; everything may come twice. `content` is complete on this machine and does not change.
  //
  // kUnavailable, kConflict: may go well later. kInvalid: not before somebody changes something
  // (no permission, a delegation that ended). kExhausted: no room there. Whatever it is, the next
  // target is tried.
  virtual Result<Stored> Store(const ipld::Shards& content, Journal& journal,
                               std::stop_token stop) = 0;
  // Whether content that was stored is there, as far as it can be asked, down to the bytes where
  // they can be fetched: what was found, in words. kRejected: it is there and is another;
  // kNotFound: it is not there. The shards need not be on this machine any more: the paths in
  // `content` are then empty.
  virtual Result<std::string> Verify(const ipld::Shards& content, Journal& journal,
                                     std::stop_token stop) = 0;
};

}  // namespace millrace::content
