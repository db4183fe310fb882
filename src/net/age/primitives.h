// What age is made of (https://age-encryption.org/v1), by OpenSSL. What is secret is wiped by its
// holder: Key.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_cipher_ctx_st;

namespace millrace::age {

inline constexpr size_t kKeySize = 32, kFileKeySize = 16, kTagSize = 16, kNonceSize = 16;

// Secret bytes, overwritten when they go.
class Key {
 public:
  explicit Key(std::string bytes) : bytes_(std::move(bytes)) {}
  Key(Key&&) noexcept = default;
  Key& operator=(Key&&) noexcept = default;
  ~Key();
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// These abort when OpenSSL fails where it cannot.
std::string RandomBytes(size_t count);
std::string HmacSha256(std::string_view key, std::string_view message);
// 32 bytes. https://www.rfc-editor.org/rfc/rfc5869
Key Hkdf(std::string_view secret, std::string_view salt, std::string_view info);
// The public key of a secret one; 32 bytes.
std::string X25519Public(std::string_view secret);
// nullopt: `theirs` is a point of low order, or not 32 bytes.
std::optional<Key> X25519(std::string_view secret, std::string_view theirs);
// nullopt: no memory for it. 32 bytes, N = 2^work, r = 8, p = 1.
std::optional<Key> Scrypt(std::string_view passphrase, std::string_view salt, int work);
bool SameBytes(std::string_view a, std::string_view b);  // in a time that tells nothing

// ChaCha20-Poly1305 with one key: https://www.rfc-editor.org/rfc/rfc8439. Nonces have 12 bytes.
class Aead {
 public:
  explicit Aead(std::string_view key);
  ~Aead();
  Aead(const Aead&) = delete;

  // Ciphertext and tag.
  void Seal(std::string_view nonce, std::string_view plaintext, std::string& out);
  // False: it was not sealed so.
  bool Open(std::string_view nonce, std::string_view sealed, std::string& out);

 private:
  evp_cipher_ctx_st* context_;
};

}  // namespace millrace::age
