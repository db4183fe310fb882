#include "net/age/primitives.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdint>

#include "base/openssl.h"

namespace millrace::age {

using openssl::Bytes;
using openssl::Must;

namespace {

using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

PrivateKey X25519Key(std::string_view secret) {
  PrivateKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, Bytes(secret), kKeySize),
                 EVP_PKEY_free);
  Must(secret.size() == kKeySize && key != nullptr, "X25519 key");
  return key;
}

}  // namespace

Key::~Key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  Must(RAND_bytes(Bytes(bytes), static_cast<int>(count)) == 1, "random bytes");
  return bytes;
}

std::string HmacSha256(std::string_view key, std::string_view message) {
  std::string mac(32, '\0');
  unsigned int size = 0;
  Must(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(message), message.size(),
            Bytes(mac), &size) != nullptr,
       "HMAC");
  return mac;
}

Key Hkdf(std::string_view secret, std::string_view salt, std::string_view info) {
  static const std::string kNoSalt(32, '\0');
  Key extracted(HmacSha256(salt.empty() ? std::string_view(kNoSalt) : salt, secret));
  return Key(HmacSha256(extracted.bytes(), std::string(info) + '\x01'));
}

std::string X25519Public(std::string_view secret) {
  std::string point(kKeySize, '\0');
  size_t size = kKeySize;
  Must(EVP_PKEY_get_raw_public_key(X25519Key(secret).get(), Bytes(point), &size) == 1,
       "X25519 public key");
  return point;
}

std::optional<Key> X25519(std::string_view secret, std::string_view theirs) {
  if (theirs.size() != kKeySize) return std::nullopt;
  PrivateKey ours = X25519Key(secret);
  PrivateKey other(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, Bytes(theirs), kKeySize),
                   EVP_PKEY_free);
  KeyContext context(EVP_PKEY_CTX_new(ours.get(), nullptr), EVP_PKEY_CTX_free);
  Must(other && context && EVP_PKEY_derive_init(context.get()) == 1, "X25519");
  std::string shared(kKeySize, '\0');
  size_t size = kKeySize;
  bool ok = EVP_PKEY_derive_set_peer(context.get(), other.get()) == 1 &&
            EVP_PKEY_derive(context.get(), Bytes(shared), &size) == 1;  // refuses all zeros
  if (!ok) return std::nullopt;
  return Key(std::move(shared));
}

std::optional<Key> Scrypt(std::string_view passphrase, std::string_view salt, int work) {
  constexpr uint64_t kBlock = 8, kSlack = uint64_t{1} << 20;
  const uint64_t n = uint64_t{1} << work;
  std::string key(kKeySize, '\0');
  int ok = EVP_PBE_scrypt(passphrase.data(), passphrase.size(), Bytes(salt), salt.size(), n, kBlock,
                          1, n * 128 * kBlock + kSlack, Bytes(key), key.size());
  if (ok != 1) return std::nullopt;
  return Key(std::move(key));
}

bool SameBytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Aead::Aead(std::string_view key) : context_(EVP_CIPHER_CTX_new()) {
  Must(context_ != nullptr && key.size() == kKeySize, "ChaCha20-Poly1305 context");
  Must(EVP_CipherInit_ex(context_, EVP_chacha20_poly1305(), nullptr, Bytes(key), nullptr, 1) == 1,
       "ChaCha20-Poly1305 key");
}

Aead::~Aead() { EVP_CIPHER_CTX_free(context_); }

void Aead::Seal(std::string_view nonce, std::string_view plaintext, std::string& out) {
  out.resize(plaintext.size() + kTagSize);
  int size = 0, last = 0;
  Must(EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, Bytes(nonce), 1) == 1 &&
           EVP_CipherUpdate(context_, Bytes(out), &size, Bytes(plaintext),
                            static_cast<int>(plaintext.size())) == 1 &&
           EVP_CipherFinal_ex(context_, Bytes(out) + size, &last) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kTagSize,
                               Bytes(out) + plaintext.size()) == 1,
       "ChaCha20-Poly1305");
}

bool Aead::Open(std::string_view nonce, std::string_view sealed, std::string& out) {
  out.clear();
  if (sealed.size() < kTagSize) return false;
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagSize);
  out.resize(ciphertext.size() + kTagSize);  // room for an empty one, too
  int size = 0, last = 0;
  bool ok = EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, Bytes(nonce), 0) == 1 &&
            EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
            EVP_CipherUpdate(context_, Bytes(out), &size, Bytes(ciphertext),
                             static_cast<int>(ciphertext.size())) == 1 &&
            EVP_CipherFinal_ex(context_, Bytes(out) + size, &last) == 1;
  out.resize(ok ? ciphertext.size() : 0);
  return ok;
}

}  // namespace millrace::age
