#include "net/ucan/did.h"

#include "base/text.h"
#include "base/utf8.h"
#include "net/ipld/base_n.h"
#include "net/ipld/varint.h"

namespace millrace::ucan {

namespace {

constexpr std::string_view kDid = "did:", kDidKey = "did:key:z";
constexpr std::string_view kEd25519 = "\xed\x01";  // the varint of the code
constexpr std::string_view kOther = "\x9d\x1a";    // the text of a DID that is no key
constexpr size_t kKeyBytes = 32, kMost = 1024;

Status NoDid(std::string_view text, const char* why) {
  return Invalid("'" + CutText(std::string(text), 100) + "' is no DID: " + why);
}

bool IsPlain(std::string_view text) {
  for (unsigned char c : text) {
    if (c <= 0x20 || c == 0x7f) return false;
  }
  return IsUtf8Text(text);
}

// Kinds of keys whose signatures are not known here: secp256k1, P-256, P-384, RSA.
bool IsOtherKey(uint64_t code) {
  return code == 0xe7 || code == 0x1200 || code == 0x1201 || code == 0x1205;
}

}  // namespace

Did Did::OfKey(std::string_view public_key) {
  Did did;
  did.bytes_ = std::string(kEd25519) + std::string(public_key);
  did.text_ = std::string(kDidKey) + ipld::Base58(did.bytes_);
  return did;
}

Result<Did> Did::Parse(std::string_view text) {
  if (!text.starts_with(kDid) || text.size() == kDid.size() || text.size() > kMost ||
      !IsPlain(text))
    return NoDid(text, "it is written like did:key:z6Mk…");
  if (!text.starts_with("did:key:")) {
    Did did;
    did.text_ = text;
    did.bytes_ = std::string(kOther) + std::string(text.substr(kDid.size()));
    return did;
  }
  if (!text.starts_with(kDidKey)) return NoDid(text, "a key is written in base58: did:key:z…");
  auto bytes = ipld::FromBase58(text.substr(kDidKey.size()));
  if (!bytes) return NoDid(text, "it is cut off, or too long for a key");
  return FromBytes(*bytes);
}

Result<Did> Did::ParseKey(std::string_view text) {
  Result<Did> did = Parse(text);
  if (did.ok() && !did->public_key().empty()) return did;
  return Invalid("'" + CutText(std::string(text), 100) + "' is no did:key of an Ed25519 key",
                 "it begins with did:key:z6Mk");
}

Result<Did> Did::FromBytes(std::string_view bytes) {
  if (bytes.size() > kMost) return Invalid("a DID of " + std::to_string(bytes.size()) + " bytes");
  if (bytes.starts_with(kEd25519)) {
    if (bytes.size() != kEd25519.size() + kKeyBytes)
      return Invalid("an Ed25519 key of " + std::to_string(bytes.size() - 2) + " bytes: it has 32");
    return OfKey(bytes.substr(kEd25519.size()));
  }
  Did did;
  did.bytes_ = bytes;
  if (bytes.starts_with(kOther)) {
    std::string_view name = bytes.substr(kOther.size());
    if (name.empty() || name.starts_with("key:") || !IsPlain(name))
      return NoDid(name, "its name is empty, or no text");
    did.text_ = std::string(kDid) + std::string(name);
    return did;
  }
  std::string_view rest = bytes;
  Result<uint64_t> code = ipld::TakeVarint(rest);
  if (!code.ok() || rest.empty() || !IsOtherKey(*code)) return Invalid("a DID without a known key");
  did.text_ = std::string(kDidKey) + ipld::Base58(bytes);
  return did;
}

std::string_view Did::public_key() const {
  if (!bytes_.starts_with(kEd25519)) return {};
  return std::string_view(bytes_).substr(kEd25519.size());
}

}  // namespace millrace::ucan
