#include "net/ipld/cid.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "net/ipld/base_n.h"
#include "net/ipld/varint.h"

namespace millrace::ipld {

namespace {

constexpr size_t kMaxDigest = 128;  // bytes: none that is in use is longer, identity CIDs included

// One for each thread: to make one takes longer than to hash a small block.
EVP_MD_CTX* HashContext() {
  thread_local std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                               EVP_MD_CTX_free);
  return context.get();
}

std::string_view ViewOf(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

Digest DigestOf(std::string_view bytes) {
  static EVP_MD* const kMethod = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Digest digest;
  EVP_MD_CTX* context = HashContext();
  if (EVP_DigestInit_ex2(context, kMethod, nullptr) != 1 ||
      EVP_DigestUpdate(context, bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context, digest.data(), nullptr) != 1) {
    std::fprintf(stderr, "millrace: OpenSSL failed: SHA-256\n");
    std::abort();
  }
  return digest;
}

Cid::Cid(Codec codec, const Digest& digest) : codec_(codec), hash_(kSha256), version_(1) {
  AppendVarint(bytes_, 1);
  AppendVarint(bytes_, codec);
  multihash_ = static_cast<uint8_t>(bytes_.size());
  AppendVarint(bytes_, kSha256);
  AppendVarint(bytes_, digest.size());
  digest_ = static_cast<uint8_t>(bytes_.size());
  bytes_ += ViewOf(digest);
}

Result<Cid> Cid::Take(std::string_view& bytes) {
  std::string_view rest = bytes;
  Cid cid;
  if (rest.starts_with("\x12\x20")) {
    cid.codec_ = kDagPb;
  } else {
    uint64_t version = TRY(TakeVarint(rest));
    if (version != 1) return Invalid("a CID of version " + std::to_string(version));
    cid.version_ = 1;
    cid.codec_ = TRY(TakeVarint(rest));
    cid.multihash_ = static_cast<uint8_t>(bytes.size() - rest.size());
  }
  cid.hash_ = TRY(TakeVarint(rest));
  uint64_t length = TRY(TakeVarint(rest));
  if (length > kMaxDigest)
    return Invalid("the digest of a CID has " + std::to_string(length) + " bytes: at most 128");
  if (cid.hash_ == kSha256 && length != sizeof(Digest))
    return Invalid("a SHA-256 of " + std::to_string(length) + " bytes in a CID: it has 32");
  if (rest.size() < length) return Invalid("a CID is cut off");
  cid.digest_ = static_cast<uint8_t>(bytes.size() - rest.size());
  cid.bytes_ = bytes.substr(0, cid.digest_ + length);
  bytes.remove_prefix(cid.bytes_.size());
  return cid;
}

Result<Cid> Cid::FromBytes(std::string_view bytes) {
  Cid cid = TRY(Take(bytes));
  if (!bytes.empty()) return Invalid("there are bytes after a CID");
  return cid;
}

Result<Cid> Cid::Parse(std::string_view text) {
  std::optional<std::string> bytes;
  bool v0 = text.size() == 46 && text.starts_with("Qm");
  if (v0) {
    bytes = FromBase58(text);
  } else if (text.starts_with('b')) {
    bytes = FromBase32(text.substr(1));
  } else if (text.starts_with('z')) {
    bytes = FromBase58(text.substr(1));
  }
  Status status;
  if (bytes) {
    Result<Cid> cid = FromBytes(*bytes);
    if (cid.ok() && (cid->version() == 0) == v0) return cid;
    status = cid.status();
  }
  std::string why = status.ok() ? "" : ": " + status.message();
  return Invalid("'" + std::string(text.substr(0, 100)) + "' is no CID" + why,
                 "one begins with bafy, bafk, bagb or Qm");
}

std::string Cid::Text() const { return version_ == 0 ? Base58(bytes_) : "b" + Base32(bytes_); }

Status Cid::Verify(std::string_view block) const {
  bool same = false;
  if (hash_ == kSha256) {
    Digest digest = DigestOf(block);
    same = ViewOf(digest) == this->digest();
  } else if (hash_ == kIdentity) {
    same = digest() == block;
  } else {
    return Invalid("the hash of " + Text() + " is not known here", "known are SHA-256, identity");
  }
  if (same) return Status::Ok();
  return {Code::kRejected, "the bytes of " + Text() + " have another hash",
          "they were damaged or changed: get them anew"};
}

}  // namespace millrace::ipld
