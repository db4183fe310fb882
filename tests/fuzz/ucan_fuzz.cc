// files: src/base/base64.cc src/base/descriptor.cc src/base/ed25519.cc src/base/hash.cc src/base/status.cc
// files: src/base/text.cc src/base/time.cc src/base/utf8.cc
// files: src/net/ipld/base_n.cc src/net/ipld/car.cc src/net/ipld/cid.cc src/net/ipld/dag_cbor.cc src/net/ipld/varint.cc
// files: src/net/ucan/dag_json.cc src/net/ucan/did.cc src/net/ucan/message.cc src/net/ucan/token.cc src/net/ucan/ucan.cc
//
// What a service, or who wrote a token, says: UCANs, receipts, messages, tokens. The first byte tells which.
#include "base/text.h"
#include "net/ucan/message.h"
#include "net/ucan/token.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

void CheckDid(const ucan::Did& did) {
  Result<ucan::Did> bytes = ucan::Did::FromBytes(did.bytes());
  Must(bytes.ok() && *bytes == did, "the bytes of a DID are read back");
}

void CheckUcan(std::string_view bytes) {
  Result<ucan::Ucan> ucan = ucan::ReadUcan(ipld::Cid::Of(ipld::kDagCbor, bytes), bytes);
  if (!ucan.ok()) return;
  Must(!ucan->capabilities.empty(), "a UCAN is about something");
  CheckDid(ucan->issuer);
  CheckDid(ucan->audience);
  ucan::SignatureOf(*ucan);
}

void CheckReceipt(std::string_view bytes) {
  Result<ucan::Receipt> receipt = ucan::ReadReceipt(ipld::Cid::Of(ipld::kDagCbor, bytes), bytes);
  if (!receipt.ok()) return;
  std::string shown = ucan::ShownText(receipt->error_message);
  Must(shown.size() <= 310 && shown.find_first_of("\n\r\x1b") == shown.npos,
       "what is shown is one short line");
  Must(!ucan::IsSignedBy(*receipt, std::string(32, '\x01')), "nobody has that key");
}

// Hashes of blocks cannot be guessed: the input is what the blocks are, and a CAR is made of them.
void CheckMessage(std::string_view bytes) {
  if (ucan::ReadMessage(bytes).ok()) return;
  ipld::Cid root = ipld::Cid::Of(ipld::kDagCbor, bytes);
  Result<ucan::Message> message =
      ucan::ReadMessage(ucan::WriteBlocks(root, {{root, std::string(bytes)}}));
  if (!message.ok()) return;
  for (const auto& [task, receipt] : message->report) Must(!task.empty(), "a task has a name");
}

void CheckToken(std::string_view bytes) {
  Result<ucan::Token> token = ucan::ReadToken(Secret(std::string(bytes)));
  if (!token.ok()) return;
  ucan::CheckToken(*token, "", {"upload/add"}, Time()).ok();
}

void Check(std::string_view bytes) {
  if (bytes.empty()) return;
  std::string_view rest = bytes.substr(1);
  switch (bytes[0] & 3) {
    case 0: return CheckUcan(rest);
    case 1: return CheckReceipt(rest);
    case 2: return CheckMessage(rest);
    default: return CheckToken(rest);
  }
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Check(millrace::fuzz::Text(data, size));
  return 0;
}
