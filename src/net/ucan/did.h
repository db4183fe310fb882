// Who signs and who is spoken to: decentralized identifiers, as text and as the bytes that UCANs
// have of them. https://w3c-ccg.github.io/did-key-spec/ and, for the bytes,
// https://github.com/ipld/js-dag-ucan.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace::ucan {

// A value; empty when default-constructed.
class Did {
 public:
  Did() = default;
  // Of an Ed25519 key: 32 bytes.
  static Did OfKey(std::string_view public_key);
  // "did:key:z6Mk…", "did:web:up.storacha.network", "did:mailto:…".
  static Result<Did> Parse(std::string_view text);
  // kInvalid: it is no did:key of an Ed25519 key.
  static Result<Did> ParseKey(std::string_view text);
  static Result<Did> FromBytes(std::string_view bytes);

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }
  const std::string& bytes() const { return bytes_; }
  // 32 bytes; "" when it is no Ed25519 key.
  std::string_view public_key() const;

  bool operator==(const Did& other) const { return bytes_ == other.bytes_; }
  bool operator<(const Did& other) const { return bytes_ < other.bytes_; }

 private:
  std::string text_, bytes_;
};

}  // namespace millrace::ucan
