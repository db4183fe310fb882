// What agents send each other: a CAR of blocks with invocations to run, or with receipts of what
// was run. https://github.com/storacha/ucanto, content type application/vnd.ipld.car.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/ucan/ucan.h"

namespace millrace::ucan {

struct MessageLimits {
  size_t bytes = size_t{1} << 20;
  size_t blocks = 2'000;
};

// Blocks of a CAR with one root, which is `root`. kInvalid: it is damaged, or a block is not what
// its CID says.
Result<Blocks> ReadBlocks(std::string_view car, ipld::Cid& root, const MessageLimits& limits = {});
std::string WriteBlocks(const ipld::Cid& root, const Blocks& blocks);

struct Message {
  std::map<ipld::Cid, ipld::Cid> report;  // task → receipt
  Blocks blocks;
};

Result<Message> ReadMessage(std::string_view car, const MessageLimits& limits = {});
// That asks to run one invocation; `blocks` has it, its proofs and what it comes with.
Result<std::string> WriteRequest(const ipld::Cid& invocation, Blocks blocks);

struct Receipt {
  ipld::Cid cid, ran;
  bool ok = false;
  ipld::Value out;                        // what came of it, or the error
  std::string error_name, error_message;  // when it is not ok
  std::vector<ipld::Cid> forks;           // tasks and proofs that follow from it
  Did issuer;                             // empty: who the task was for
  std::string signature, signed_bytes;
};

Result<Receipt> ReadReceipt(const ipld::Cid& cid, std::string_view block);
// By the key of 32 bytes; a receipt of Ed25519.
bool IsSignedBy(const Receipt& receipt, std::string_view public_key);
// That `ran` went well, with nothing to tell. CID and block.
Result<std::pair<ipld::Cid, std::string>> IssueReceipt(const Ed25519Key& key, const ipld::Cid& ran);

// For messages, since who sent it chose every byte: one line of at most 300.
std::string ShownText(std::string_view text);

}  // namespace millrace::ucan
