// Content identifiers: what a block is called. https://github.com/multiformats/cid; the codes are
// of https://github.com/multiformats/multicodec.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace::ipld {

enum Codec : uint64_t { kRaw = 0x55, kDagPb = 0x70, kDagCbor = 0x71, kCar = 0x0202 };
enum HashCode : uint64_t { kIdentity = 0x00, kSha256 = 0x12 };

using Digest = std::array<uint8_t, 32>;  // of SHA-256
// Aborts when OpenSSL fails. Thread-safe.
Digest DigestOf(std::string_view bytes);

// A value; empty when default-constructed. Holds any codec and hash; what we make is version 1 with
// SHA-256.
class Cid {
 public:
  Cid() = default;
  Cid(Codec codec, const Digest& digest);
  static Cid Of(Codec codec, std::string_view block) { return {codec, DigestOf(block)}; }

  // "b…" (base32), "z…" (base58btc) or "Qm…" (version 0).
  static Result<Cid> Parse(std::string_view text);
  // Takes a binary one from the front.
  static Result<Cid> Take(std::string_view& bytes);
  // All of the bytes.
  static Result<Cid> FromBytes(std::string_view bytes);

  bool empty() const { return bytes_.empty(); }
  int version() const { return version_; }
  uint64_t codec() const { return codec_; }
  uint64_t hash() const { return hash_; }
  std::string_view bytes() const { return bytes_; }
  // Hash code, length and digest: blocks with the same one have the same bytes.
  std::string_view multihash() const { return std::string_view(bytes_).substr(multihash_); }
  std::string_view digest() const { return std::string_view(bytes_).substr(digest_); }
  // "b…" in lower case; version 0: "Qm…".
  std::string Text() const;

  // Whether these are its bytes. kRejected: they are not; kInvalid: a hash that is not known here
  // (known are SHA-256 and identity).
  Status Verify(std::string_view block) const;

  bool operator==(const Cid& other) const { return bytes_ == other.bytes_; }
  bool operator<(const Cid& other) const { return bytes_ < other.bytes_; }

 private:
  std::string bytes_;
  uint64_t codec_ = 0, hash_ = 0;
  uint8_t version_ = 0, multihash_ = 0, digest_ = 0;
};

}  // namespace millrace::ipld
