// UCAN 0.9.1 as blocks of DAG-CBOR: who lets whom do what. A delegation and an invocation look the
// same. https://github.com/ucan-wg/spec/tree/v0.9.1, and for blocks and signatures
// https://github.com/storacha/ucanto and https://github.com/ipld/js-dag-ucan.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ed25519.h"
#include "base/status.h"
#include "net/ipld/dag_cbor.h"
#include "net/ucan/did.h"

namespace millrace::ucan {

using Blocks = std::map<ipld::Cid, std::string>;  // each was held against its CID

struct Capability {
  std::string can, with;  // "space/blob/add", "did:key:…"
  ipld::Value nb;         // a map, or null: none
};

struct Ucan {
  ipld::Cid cid;
  Did issuer, audience;
  std::vector<Capability> capabilities;  // one at least
  std::vector<ipld::Cid> proofs;
  std::optional<int64_t> expires, begins;  // seconds since 1970; nullopt: never, always
  ipld::Value facts;                       // a list, or null
  std::string signature;                   // with the code of its kind before it
  std::string signed_text;
};

// kInvalid: it is none. The signature is not looked at.
Result<Ucan> ReadUcan(const ipld::Cid& cid, std::string_view block);

enum class Signature {
  kRight,
  kWrong,
  kUnknown  // not of Ed25519, or of somebody whose key is not in his DID: others can tell
};
Signature SignatureOf(const Ucan& ucan);

struct Wish {
  Did audience;
  Capability capability;
  std::vector<ipld::Cid> proofs;
  std::optional<int64_t> expires;
  std::string nonce;  // "": none. Another one makes it another invocation
  ipld::Value facts;  // a list, or null
};
// Signed by `key`, which issues it.
Result<std::pair<ipld::Cid, std::string>> IssueUcan(const Ed25519Key& key, const Wish& wish);

// Ed25519 with the code before it, and without: nullopt when it is of another kind.
std::string WrapSignature(std::string_view signature);
std::optional<std::string_view> UnwrapSignature(std::string_view signature);

}  // namespace millrace::ucan
