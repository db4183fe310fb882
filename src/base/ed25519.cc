#include "base/ed25519.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "base/openssl.h"

namespace millrace {

using openssl::Bytes;
using openssl::Must;

namespace {

constexpr size_t kKeySize = 32, kSignatureSize = 64;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Key PrivateKey(std::string_view seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed), seed.size()),
          EVP_PKEY_free);
  Must(key != nullptr, "Ed25519 key");
  return key;
}

}  // namespace

Ed25519Key Ed25519Key::FromSeed(std::string_view seed) {
  Must(seed.size() == kKeySize, "an Ed25519 seed has 32 bytes");
  Ed25519Key key;
  key.seed_ = seed;
  key.public_key_.resize(kKeySize);
  size_t size = kKeySize;
  Must(EVP_PKEY_get_raw_public_key(PrivateKey(seed).get(), Bytes(key.public_key_), &size) == 1,
       "Ed25519 public key");
  return key;
}

Ed25519Key Ed25519Key::New() {
  std::string seed(kKeySize, '\0');
  Must(RAND_bytes(Bytes(seed), static_cast<int>(seed.size())) == 1, "random bytes");
  return FromSeed(seed);
}

std::string Ed25519Key::Sign(std::string_view message) const {
  Key key = PrivateKey(seed_);
  Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Must(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1,
       "Ed25519 init");
  std::string signature(kSignatureSize, '\0');
  size_t size = signature.size();
  Must(EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(message), message.size()) == 1,
       "Ed25519 signature");
  return signature;
}

bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature) {
  if (public_key.size() != kKeySize || signature.size() != kSignatureSize) return false;
  Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key), kKeySize),
          EVP_PKEY_free);
  if (!key) return false;
  Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                          message.size()) == 1;
}

}  // namespace millrace
